using System.Net.Mime;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using ScoringService.Api.Items;
using ScoringService.Api.Problems;
using ScoringService.Api.Storage;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Training;

/// <summary>The base models that item models are trained from.</summary>
static class BaseModelEndpoints
{
    /// <summary>Name of the registration's route.</summary>
    public const string RegisterName = "RegisterBaseModel";

    /// <summary>Form field and member that names the new base model.</summary>
    public const string NameField = "name";

    public static void MapBaseModels(this RouteGroupBuilder admin)
    {
        var models = admin.MapGroup("/base-models").WithTags("Base models");
        models.MapGet("/", List).WithName("ListBaseModels").WithSummary("The base models that item models can be trained from");
        models.MapGet("/{name}", Get).WithName("GetBaseModel").WithSummary("One base model").ProducesProblem(StatusCodes.Status404NotFound);
        models.MapPost("/", Register).WithName(RegisterName)
            .WithSummary("Register a Hugging Face checkpoint of BERT kind as a base model")
            .WithDescription(
                "As multipart/form-data: the field name and the files config.json, model.safetensors and vocab.txt or tokenizer.json. As JSON: a name and a "
                + "directory under the one that Import__Directory allows. Any size of BERT is taken; a head is left out. Pickle files (.bin, .pt) are refused.")
            .Accepts<BaseModelRequest>(MediaTypeNames.Application.Json, MediaTypeNames.Multipart.FormData)
            .WithMetadata(
                new RequestSizeLimitAttribute(ReceivedCheckpoint.MaxUpload),
                new RequestFormLimitsAttribute { MultipartBodyLengthLimit = ReceivedCheckpoint.MaxUpload })
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
    }

    static Ok<BaseModelList> List(BaseModels models) => TypedResults.Ok(new BaseModelList(models.List()));

    static Results<Ok<BaseModelView>, ProblemHttpResult> Get(string name, BaseModels models) =>
        models.List().FirstOrDefault(model => model.Name == name) is { } found
            ? TypedResults.Ok(found)
            : Problem.NotFound("base-model", name, "GET /v1/admin/base-models lists them.");

    static async Task<Results<Created<BaseModelView>, ProblemHttpResult>> Register(
        HttpRequest request, BaseModels models, DataDirectory data, IOptions<ImportOptions> options, CancellationToken stop)
    {
        using var upload = AtomicDirectory.Stage(data.Uploads);
        var validation = new Validation();
        var source = await ReceivedCheckpoint.Read(request, NameField, upload.Path, options.Value, validation, stop);
        validation.Require(BaseModels.IsName(source.Named), $"$.{NameField}",
            "A base model's name has 1 to 100 letters, digits, '.', '_' or '-', and begins with a letter or digit.");
        if (validation.Failed)
            return validation.Problem;
        if (models.Exists(source.Named!))
        {
            return Problem.Conflict("base-model-exists", "The base model exists",
                $"There is a base model '{source.Named}' already; item models depend on it. Choose another name.");
        }

        if (models.Register(source.Named!, source.Directory) is { } obstacle)
            validation.Require(false, "$", obstacle);
        return validation.Failed
            ? validation.Problem
            : TypedResults.Created($"/v1/admin/base-models/{source.Named}", models.List().Single(model => model.Name == source.Named));
    }
}

/// <summary>A base model that lies on the server.</summary>
sealed record BaseModelRequest
{
    /// <summary>What it shall be called: letters, digits, '.', '_' and '-', up to 100.</summary>
    /// <example>bert-base-school</example>
    public required string Name { get; init; }

    /// <summary>Directory in Hugging Face layout, relative to the one that the configuration allows.</summary>
    /// <example>bert-base</example>
    public required string Directory { get; init; }
}

/// <summary>A base model.</summary>
/// <param name="Name">What requests call it.</param>
/// <param name="Shipped">Whether it came with the build; otherwise it was registered.</param>
/// <param name="Layers">Encoder layers; null for one that came with the build and has not been used yet.</param>
/// <param name="HiddenSize">Width of a hidden state.</param>
/// <param name="AttentionHeads">Attention heads.</param>
/// <param name="MaxTokens">Longest response in tokens.</param>
/// <param name="VocabularySize">Tokens that it knows.</param>
sealed record BaseModelView(
    string Name, bool Shipped, int? Layers = null, int? HiddenSize = null, int? AttentionHeads = null, int? MaxTokens = null, int? VocabularySize = null);

/// <summary>The base models.</summary>
/// <param name="BaseModels">By name.</param>
sealed record BaseModelList(IReadOnlyList<BaseModelView> BaseModels);
