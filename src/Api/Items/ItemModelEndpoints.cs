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
                "As multipart/form-data: the files config.json, model.safetensors and vocab.txt or tokenizer.json, and optionally the field baseModel. "
                + "As JSON: a directory under the one that Import__Directory allows. Pickle files (.bin, .pt) are refused.")
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
        var (directory, baseModel, problem) = request.HasFormContentType
            ? await Receive(request, upload.Path, stop)
            : await Locate(request, options.Value, stop);
        if (problem is not null)
            return problem;
        if (!baseModels.Exists(baseModel))
            return Problem.Invalid("$.baseModel", $"There is no base model '{baseModel}'. There is '{BaseModels.Shipped}'.");
        if (import.Import(item, directory, baseModel) is { } obstacle)
            return Problem.Invalid("$", obstacle);

        return TypedResults.Created($"/v1/admin/items/{itemId}", (await items.View(itemId, stop))!);
    }

    static async Task<(string Directory, string BaseModel, ProblemHttpResult? Problem)> Receive(HttpRequest request, string directory, CancellationToken stop)
    {
        try
        {
            var form = await request.ReadFormAsync(stop);
            foreach (var file in form.Files)
            {
                var name = Path.GetFileName(file.FileName);
                if (PickleExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase))
                    return ("", "", Problem.Invalid(name, "A pickle can run code when it is read, so it is refused. Convert it to model.safetensors where you trust it."));
                if (!CheckpointFiles.Contains(name))
                    return ("", "", Problem.Invalid(name, $"A checkpoint consists of {string.Join(", ", CheckpointFiles)}."));
                await using var target = File.Create(Path.Combine(directory, name));
                await file.CopyToAsync(target, stop);
            }

            return (directory, form[BaseModelField] is [{ Length: > 0 } named] ? named : BaseModels.Shipped, null);
        }
        catch (InvalidDataException malformed)
        {
            return ("", "", Problem.Malformed(malformed.Message));
        }
    }

    static async Task<(string Directory, string BaseModel, ProblemHttpResult? Problem)> Locate(
        HttpRequest request, ImportOptions options, CancellationToken stop)
    {
        ImportRequest? named;
        try
        {
            named = await request.ReadFromJsonAsync<ImportRequest>(stop);
        }
        catch (JsonException malformed)
        {
            return ("", "", Problem.Invalid(malformed.Path ?? "$", malformed.Message));
        }

        if (named is null)
            return ("", "", Problem.Invalid("$", "Name a directory."));
        if (options.Directory is not { } root)
            return ("", "", Problem.Invalid("$.directory", "This service imports from no directory (Import__Directory is not set). Send the files as multipart/form-data."));

        // Resolved first: what counts is where the name leads, not how it is spelt.
        var allowed = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)) + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(allowed, named.Directory));
        return path.StartsWith(allowed, StringComparison.Ordinal) && Directory.Exists(path)
            ? (path, named.BaseModel, null)
            : ("", "", Problem.Invalid("$.directory", $"There is no directory '{named.Directory}' where this service imports from."));
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
    public string BaseModel { get; init; } = BaseModels.Shipped;
}
