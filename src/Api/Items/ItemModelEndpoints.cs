using System.Net.Mime;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using ScoringService.Api.Problems;
using ScoringService.Api.Storage;
using ScoringService.Api.Training;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Items;

/// <summary>The import of item models.</summary>
static class ItemModelEndpoints
{
    const long MaxUpload = 4L * 1024 * 1024 * 1024;

    /// <summary>Name of the import's route.</summary>
    public const string ImportName = "ImportItemModel";

    /// <summary>Form field that names the base model.</summary>
    public const string BaseModelField = "baseModel";

    /// <summary>The files of a checkpoint.</summary>
    public static readonly string[] CheckpointFiles =
        ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

    static readonly string[] PickleExtensions = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

    public static void MapItemModels(this RouteGroupBuilder admin) =>
        admin.MapPost("/item-models/{itemId}", Import).WithTags("Items").WithName(ImportName)
            .WithSummary("Import a fine-tuned Hugging Face checkpoint as the item's model")
            .WithDescription(
                "As multipart/form-data: the files config.json, model.safetensors and vocab.txt or tokenizer.json, and optionally the field "
                + "baseModel. As JSON: a directory under the one that Import__Directory allows. Pickle files (.bin, .pt) are refused.")
            .Accepts<ImportRequest>(MediaTypeNames.Application.Json, MediaTypeNames.Multipart.FormData)
            .WithMetadata(new RequestSizeLimitAttribute(MaxUpload), new RequestFormLimitsAttribute { MultipartBodyLengthLimit = MaxUpload })
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

    static async Task<Results<Created<ItemView>, ProblemHttpResult>> Import(
        string itemId, HttpRequest request, ItemStore items, ItemModelImport import, BaseModels baseModels, DataDirectory data,
        IOptions<ImportOptions> options, CancellationToken stop)
    {
        if (await items.Find(itemId, stop) is not { } item)
            return ItemEndpoints.NotFound(itemId);

        using var upload = AtomicDirectory.Stage(data.Uploads);
        var validation = new Validation();
        var source = request.HasFormContentType
            ? await Receive(request, upload.Path, validation, stop)
            : await Locate(request, options.Value, validation, stop);
        validation.Require(baseModels.Exists(source.BaseModel), "$.baseModel",
            $"There is no base model '{source.BaseModel}'. There is '{BaseModels.Default}'.");
        if (!validation.Failed && import.Import(item, source.Directory, source.BaseModel) is { } obstacle)
            validation.Require(false, "$", obstacle);

        return validation.Failed
            ? validation.Problem
            : TypedResults.Created($"/v1/admin/items/{itemId}", (await items.View(itemId, stop))!);
    }

    static async Task<ImportRequest> Receive(HttpRequest request, string directory, Validation validation, CancellationToken stop)
    {
        var source = new ImportRequest { Directory = directory };
        try
        {
            var form = await request.ReadFormAsync(stop);
            foreach (var file in form.Files)
            {
                var name = Path.GetFileName(file.FileName);
                validation.Require(!PickleExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase), name,
                    "A pickle can run code when it is read, so it is refused. Convert it to model.safetensors where you trust it.");
                validation.Require(CheckpointFiles.Contains(name), name, $"A checkpoint consists of {string.Join(", ", CheckpointFiles)}.");
                if (validation.Failed)
                    break;
                await using var target = File.Create(Path.Combine(directory, name));
                await file.CopyToAsync(target, stop);
            }

            return form[BaseModelField] is [{ Length: > 0 } named] ? source with { BaseModel = named } : source;
        }
        catch (InvalidDataException malformed)
        {
            validation.Require(false, "$", malformed.Message);
            return source;
        }
    }

    static async Task<ImportRequest> Locate(HttpRequest request, ImportOptions options, Validation validation, CancellationToken stop)
    {
        var nothing = new ImportRequest { Directory = "" };
        try
        {
            var named = await request.ReadFromJsonAsync<ImportRequest>(stop) ?? nothing;
            if (options.Directory is not { } root)
            {
                validation.Require(false, "$.directory",
                    "This service imports from no directory (Import__Directory is not set). Send the files as multipart/form-data.");
                return nothing;
            }

            // Resolved first: what counts is where the name leads, not how it is spelt.
            var allowed = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)) + Path.DirectorySeparatorChar;
            var path = Path.GetFullPath(Path.Combine(allowed, named.Directory));
            validation.Require(path.StartsWith(allowed, StringComparison.Ordinal) && Directory.Exists(path), "$.directory",
                $"There is no directory '{named.Directory}' where this service imports from.");
            return named with { Directory = path };
        }
        catch (JsonException malformed)
        {
            validation.Require(false, malformed.Path ?? "$", malformed.Message);
            return nothing;
        }
    }
}

/// <summary>A checkpoint that lies on the server.</summary>
sealed record ImportRequest
{
    /// <summary>Directory in Hugging Face layout, relative to the one that the configuration allows.</summary>
    /// <example>SS_Brian</example>
    public required string Directory { get; init; }

    /// <summary>The base model it was fine-tuned from.</summary>
    /// <example>minilm-l6</example>
    public string BaseModel { get; init; } = BaseModels.Default;
}
