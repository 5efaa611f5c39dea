using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using ScoringService.Api.Problems;
using ScoringService.Merging.Data;

namespace ScoringService.Api.Items;

/// <summary>The labelled responses of an item.</summary>
static class ResponseEndpoints
{
    const long MaxUpload = 256 * 1024 * 1024;
    const string Csv = "text/csv";
    const string Ndjson = "application/x-ndjson";

    public static void MapResponses(this RouteGroupBuilder items) =>
        items.MapPut("/{itemId}/responses", Put).WithName("PutResponses")
            .WithSummary("Upload the labelled responses of one split")
            .WithDescription(
                "Replaces all responses of that split. CSV (RFC 4180) with a header, or one JSON object a line, in UTF-8: the columns are id, text "
                + "and score (multi-class), or id, text and one 0/1 column for each label (multi-label). All or nothing: where a row has an error, "
                + "the answer lists the first 20 and nothing is stored.")
            .Accepts<string>(Csv, Ndjson)
            .WithMetadata(new RequestSizeLimitAttribute(MaxUpload))
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

    /// <param name="itemId">The item.</param>
    /// <param name="split"><c>train</c>, <c>validation</c> or <c>test</c>.</param>
    /// <param name="request">The body.</param>
    /// <param name="items">The items.</param>
    /// <param name="stop">The caller went away.</param>
    static async Task<Results<Ok<ResponseUpload>, ProblemHttpResult>> Put(
        string itemId, string? split, HttpRequest request, ItemStore items, CancellationToken stop)
    {
        // Routing holds a request to the accepted types only where it names one.
        if (request.ContentType is not { } type)
            throw new BadHttpRequestException("The request names no Content-Type.", StatusCodes.Status415UnsupportedMediaType);
        if (Parse(split) is not { } target)
            return Problem.Invalid("split", "Name the split: ?split=train, ?split=validation or ?split=test.");
        if (await items.Find(itemId, stop) is not { } item)
            return ItemEndpoints.NotFound(itemId);

        var isCsv = type.StartsWith(Csv, StringComparison.OrdinalIgnoreCase);
        var read = isCsv ? await ResponseRows.ReadCsvAsync(request.Body, item, stop) : await ResponseRows.ReadNdjsonAsync(request.Body, item, stop);
        var errors = read.Errors.Count > 0 ? read.Errors : await items.ReplaceResponses(itemId, target, read.Rows, stop);
        return TypedResults.Ok(ResponseUpload.Of(itemId, target, read.Rows.Length, errors));
    }

    static Split? Parse(string? split) => split switch
    {
        "train" => Split.Train,
        "validation" => Split.Validation,
        "test" => Split.Test,
        _ => null,
    };
}

/// <summary>What came of an upload.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Split">The split that was uploaded.</param>
/// <param name="Stored">Responses that the split now holds through this upload; 0 when a row has an error.</param>
/// <param name="Rejected">Errors in all.</param>
/// <param name="Errors">The first 20 errors.</param>
sealed record ResponseUpload(string ItemId, Split Split, int Stored, int Rejected, IReadOnlyList<RowError> Errors)
{
    public static ResponseUpload Of(string itemId, Split split, int rows, RowErrors errors) =>
        new(itemId, split, errors.Count == 0 ? rows : 0, errors.Count, errors.First);
}
