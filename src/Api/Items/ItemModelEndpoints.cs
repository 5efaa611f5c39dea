using System.Net.Mime;
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
    /// <summary>Name of the import's route.</summary>
    public const string ImportName = "ImportItemModel";

    /// <summary>Form field that names the base model.</summary>
    public const string BaseModelField = "baseModel";

    public static void MapItemModels(this RouteGroupBuilder admin) =>
        admin.MapPost("/item-models/{itemId}", Import).WithTags("Items").WithName(ImportName)
            .WithSummary("Import a fine-tuned Hugging Face checkpoint as the item's model")
            .WithDescription(
                "As multipart/form-data: the files config.json, model.safetensors and vocab.txt or tokenizer.json, and optionally the field "
                + "baseModel. As JSON: a directory under the one that Import__Directory allows. Pickle files (.bin, .pt) are refused.")
            .Accepts<ImportRequest>(MediaTypeNames.Application.Json, MediaTypeNames.Multipart.FormData)
            .WithMetadata(
                new RequestSizeLimitAttribute(ReceivedCheckpoint.MaxUpload),
                new RequestFormLimitsAttribute { MultipartBodyLengthLimit = ReceivedCheckpoint.MaxUpload })
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
        var source = await ReceivedCheckpoint.Read(request, BaseModelField, upload.Path, options.Value, validation, stop);
        var baseModel = source.Named ?? BaseModels.Default;
        validation.Require(baseModels.Exists(baseModel), "$.baseModel",
            $"There is no base model '{baseModel}'. GET /v1/admin/base-models lists them.");
        if (!validation.Failed && import.Import(item, source.Directory, baseModel) is { } obstacle)
            validation.Require(false, "$", obstacle);

        return validation.Failed
            ? validation.Problem
            : TypedResults.Created($"/v1/admin/items/{itemId}", (await items.View(itemId, stop))!);
    }
}

/// <summary>A checkpoint that lies on the server.</summary>
sealed record ImportRequest
{
    /// <summary>Directory in Hugging Face layout, relative to the one that the configuration allows.</summary>
    /// <example>SC_Puddle</example>
    public required string Directory { get; init; }

    /// <summary>The base model it was fine-tuned from.</summary>
    /// <example>minilm-l6</example>
    public string BaseModel { get; init; } = BaseModels.Default;
}
