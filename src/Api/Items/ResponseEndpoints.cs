using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Api.Items;

/// <summary>The labelled responses of an item.</summary>
static class ResponseEndpoints
{
    const long MaxUpload = 256 * 1024 * 1024;
    const string Csv = "text/csv";
    const string Ndjson = "application/x-ndjson";
    const string Tsv = "text/tab-separated-values";
    const string Xml = "application/xml";

    public static void MapResponses(this RouteGroupBuilder items) =>
        items.MapPut("/{itemId}/responses", Put).WithName("PutResponses")
            .WithSummary("Upload the labelled responses of one split")
            .WithDescription(
                "Replaces all responses of that split. CSV (RFC 4180) with a header, or one JSON object a line, in UTF-8: the columns are id, text "
                + "and score (multi-class), or id, text and one 0/1 column for each label (multi-label); a second person's scores may stand in score2 or "
                + "<label>2. With format, a file as others write it: asap-sas (tab-separated), semeval-2013 (XML), mind-ca (CSV); of several questions the "
                + "one with the item's id is taken. All or nothing: where a row has an error, the answer lists the first 20 and nothing is stored.")
            .Accepts<string>(Csv, Ndjson, Tsv, Xml)
            .WithMetadata(new RequestSizeLimitAttribute(MaxUpload))
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);

    /// <param name="itemId">The item.</param>
    /// <param name="split"><c>train</c>, <c>validation</c> or <c>test</c>.</param>
    /// <param name="format">Layout of the body: <c>scoring</c> (default), <c>asap-sas</c>, <c>semeval-2013</c> or <c>mind-ca</c>.</param>
    /// <param name="request">The body.</param>
    /// <param name="items">The items.</param>
    /// <param name="stop">The caller went away.</param>
    static async Task<Results<Ok<ResponseUpload>, ProblemHttpResult>> Put(
        string itemId, string? split, string? format, HttpRequest request, ItemStore items, CancellationToken stop)
    {
        // Routing holds a request to the accepted types only where it names one.
        if (request.ContentType is not { } type)
            throw new BadHttpRequestException("The request names no Content-Type.", StatusCodes.Status415UnsupportedMediaType);
        if (Parse(split) is not { } target)
            return Problem.Invalid("split", "Name the split: ?split=train, ?split=validation or ?split=test.");
        if (DataFormats.Find(format ?? "scoring") is not { } layout)
            return Problem.Invalid("format", $"There is no format '{format}'. Allowed: {string.Join(", ", DataFormats.Names)}.");
        if (await items.Find(itemId, stop) is not { } item)
            return ItemEndpoints.NotFound(itemId);

        var read = await Read(request, type, layout, item, stop);
        var errors = read.Errors.Count > 0 ? read.Errors : await items.ReplaceResponses(itemId, target, read.Rows, stop);
        return TypedResults.Ok(ResponseUpload.Of(itemId, target, read.Rows.Length, errors));
    }

    static async Task<ResponseRows> Read(HttpRequest request, string type, DataFormat layout, Item item, CancellationToken stop)
    {
        if (layout == DataFormat.Scoring)
        {
            return type.StartsWith(Ndjson, StringComparison.OrdinalIgnoreCase)
                ? await ResponseRows.ReadNdjsonAsync(request.Body, item, stop)
                : await ResponseRows.ReadCsvAsync(request.Body, item, stop);
        }
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, stop);
        try
        {
            return ScoredRows.Read(layout, item.Id, body.GetBuffer().AsMemory(0, (int)body.Length)).ToResponses(item);
        }
        catch (ItemDataException unusable)
        {
            return new([], unusable.Errors);
        }
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
