using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Items;

/// <summary>The definitions of the items.</summary>
static class ItemEndpoints
{
    public static void MapItems(this RouteGroupBuilder admin)
    {
        var items = admin.MapGroup("/items").WithTags("Items");
        items.MapGet("/", List).WithName("ListDefinedItems").WithSummary("List the items that are defined");
        items.MapPut("/{itemId}", Put).WithName("DefineItem").WithSummary("Define an item, or change its definition")
            .ProducesProblem(StatusCodes.Status409Conflict);
        items.MapGet("/{itemId}", Get).WithName("GetDefinedItem").WithSummary("Show an item, its labelled responses and its model")
            .ProducesProblem(StatusCodes.Status404NotFound);
        items.MapDelete("/{itemId}", Delete).WithName("DeleteItem")
            .WithSummary("Delete an item with its responses and models")
            .WithDescription("Refused while the active bundle scores the item.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        items.MapResponses();
    }

    public static ProblemHttpResult NotFound(string itemId) =>
        Problem.NotFound("item", itemId, "Define it with PUT /v1/admin/items/{itemId}.");

    static async Task<Ok<ItemViewList>> List(ItemStore items, CancellationToken stop) => TypedResults.Ok(await items.List(stop));

    static async Task<Results<Ok<ItemView>, Created<ItemView>, ProblemHttpResult>> Put(
        string itemId, ItemRequest request, ItemStore items, CancellationToken stop)
    {
        var validation = new Validation();
        var item = request.ToItem(itemId, validation);
        if (validation.Failed)
            return validation.Problem;

        var outcome = await items.Put(item, stop);
        if (outcome == ItemStore.PutOutcome.LabelsInUse)
            return Problem.Conflict("labels-in-use", "The labels are in use",
                $"Responses or models of '{itemId}' carry its present labels. Delete the item first, or define the new labels under another id.");

        var view = (await items.View(itemId, stop))!;
        return outcome == ItemStore.PutOutcome.Created ? TypedResults.Created($"/v1/admin/items/{itemId}", view) : TypedResults.Ok(view);
    }

    static async Task<Results<Ok<ItemView>, ProblemHttpResult>> Get(string itemId, ItemStore items, CancellationToken stop) =>
        await items.View(itemId, stop) is { } item ? TypedResults.Ok(item) : NotFound(itemId);

    static async Task<Results<NoContent, ProblemHttpResult>> Delete(string itemId, ItemStore items, CancellationToken stop) =>
        await items.Delete(itemId, stop) switch
        {
            ItemStore.DeleteOutcome.Deleted => TypedResults.NoContent(),
            ItemStore.DeleteOutcome.Served => Problem.Conflict("item-in-use", "The active bundle scores this item",
                $"Activate a bundle without '{itemId}' first."),
            _ => NotFound(itemId),
        };
}
