using System.Collections.Immutable;
using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Storage;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Api.Items;

/// <summary>The items, their labelled responses and their models.</summary>
sealed class ItemStore(IDbContextFactory<ScoringDb> databases, DataDirectory directory, TimeProvider time)
{
    /// <summary>What came of defining an item.</summary>
    public enum PutOutcome
    {
        /// <summary>It is new.</summary>
        Created,

        /// <summary>It was there and is now as given.</summary>
        Updated,

        /// <summary>Its labels would change although responses or models are labelled by the present ones.</summary>
        LabelsInUse,
    }

    /// <summary>What came of deleting an item.</summary>
    public enum DeleteOutcome
    {
        /// <summary>It is gone, with its responses and models.</summary>
        Deleted,

        /// <summary>It was not there.</summary>
        NotFound,

        /// <summary>The active bundle scores it.</summary>
        Served,
    }

    /// <summary>Defines an item, or changes its definition.</summary>
    public async Task<PutOutcome> Put(Item item, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var row = await db.Items.FindAsync([item.Id], stop);
        var outcome = row is null ? PutOutcome.Created : PutOutcome.Updated;
        if (row is null)
        {
            db.Items.Add(new() { Id = item.Id, Definition = item, UpdatedAt = time.GetUtcNow() });
        }
        else
        {
            if (!SameLabels(row.Definition, item) && await HasLabelledThings(db, item.Id, stop))
                return PutOutcome.LabelsInUse;
            (row.Definition, row.UpdatedAt) = (item, time.GetUtcNow());
        }

        await db.SaveChangesAsync(stop);
        return outcome;
    }

    /// <summary>The definition of an item, or null.</summary>
    public async Task<Item?> Find(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        return (await db.Items.AsNoTracking().SingleOrDefaultAsync(item => item.Id == id, stop))?.Definition;
    }

    /// <summary>One item with its counts and model, or null.</summary>
    public async Task<ItemView?> View(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        return (await Views(db, db.Items.Where(item => item.Id == id), stop)).SingleOrDefault();
    }

    /// <summary>All items with their counts and models.</summary>
    public async Task<ItemViewList> List(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        return new(await Views(db, db.Items, stop));
    }

    /// <summary>Deletes an item with its responses and models, unless the active bundle scores it.</summary>
    public async Task<DeleteOutcome> Delete(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var active = await db.Activations.OrderByDescending(activation => activation.Sequence)
            .Join(db.Bundles, activation => activation.BundleId, bundle => bundle.Id, (_, bundle) => bundle)
            .FirstOrDefaultAsync(stop);
        if (active?.Items.Contains(id) == true)
            return DeleteOutcome.Served;
        if (await db.Items.Where(item => item.Id == id).ExecuteDeleteAsync(stop) == 0)
            return DeleteOutcome.NotFound;

        var models = directory.ItemModels(id);
        if (Directory.Exists(models))
            Directory.Delete(models, recursive: true);
        return DeleteOutcome.Deleted;
    }

    /// <summary>Replaces the responses of one split, unless a response is in another split already.</summary>
    /// <returns>What is wrong; nothing was stored unless the count is 0.</returns>
    public async Task<RowErrors> ReplaceResponses(string id, Split split, IReadOnlyList<LabelledResponse> responses, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        await using var transaction = await db.Database.BeginTransactionAsync(stop);
        var elsewhere = await db.Responses
            .Where(response => response.ItemId == id && response.Split != split)
            .ToDictionaryAsync(response => response.ResponseId, response => response.Split, stop);
        var conflicts = responses.Where(response => elsewhere.ContainsKey(response.Id)).ToArray();
        if (conflicts.Length > 0)
        {
            return new([.. conflicts.Take(RowErrors.Shown).Select(Conflict)], conflicts.Length);

            RowError Conflict(LabelledResponse response) => new(0, "id",
                $"'{response.Id}' is in the split '{elsewhere[response.Id]}' already; a response that is trained on must not measure.");
        }

        await db.Responses.Where(response => response.ItemId == id && response.Split == split).ExecuteDeleteAsync(stop);
        db.Responses.AddRange(responses.Select((response, position) => new ResponseRow
        {
            ItemId = id,
            ResponseId = response.Id,
            Split = split,
            Position = position,
            Text = response.Text,
            Labels = [.. response.Labels],
            SecondLabels = response.SecondLabels?.ToArray(),
        }));
        await db.SaveChangesAsync(stop);
        await transaction.CommitAsync(stop);
        return new([], 0);
    }

    /// <summary>An item with its responses. Where it has none for validation, a tenth of the training responses is set aside.</summary>
    /// <exception cref="InvalidOperationException">There is no such item.</exception>
    public ItemData Data(string id)
    {
        using var db = databases.CreateDbContext();
        var item = db.Items.AsNoTracking().SingleOrDefault(item => item.Id == id)?.Definition
            ?? throw new InvalidOperationException($"There is no item '{id}' any more.");
        var splits = db.Responses.AsNoTracking().Where(response => response.ItemId == id).OrderBy(response => response.Position).ToLookup(
            response => response.Split,
            response => new LabelledResponse(response.ResponseId, response.Text, [.. response.Labels])
            {
                SecondLabels = response.SecondLabels?.ToImmutableArray(),
            });
        ImmutableArray<LabelledResponse> train = [.. splits[Split.Train]], validation = [.. splits[Split.Validation]];
        if (validation.IsEmpty)
            (train, validation) = ValidationSplit.HoldOut(train);
        return new(item, train, validation, [.. splits[Split.Test]]);
    }

    static bool SameLabels(Item a, Item b) => a.Scoring == b.Scoring && a.Labels.AsSpan().SequenceEqual(b.Labels.AsSpan());

    static async Task<bool> HasLabelledThings(ScoringDb db, string id, CancellationToken stop) =>
        await db.Responses.AnyAsync(response => response.ItemId == id, stop)
        || await db.ItemModels.AnyAsync(model => model.ItemId == id, stop);

    static async Task<List<ItemView>> Views(ScoringDb db, IQueryable<ItemRow> items, CancellationToken stop)
    {
        var rows = await items.AsNoTracking().OrderBy(item => item.Id).ToListAsync(stop);
        var ids = items.Select(item => item.Id);
        var counts = await db.Responses
            .Where(response => ids.Contains(response.ItemId))
            .GroupBy(response => new { response.ItemId, response.Split })
            .Select(group => new { group.Key.ItemId, group.Key.Split, Count = group.Count() })
            .ToDictionaryAsync(group => (group.ItemId, group.Split), group => group.Count, stop);
        var scoredTwice = await db.Responses
            .Where(response => ids.Contains(response.ItemId) && response.SecondLabels != null)
            .GroupBy(response => response.ItemId)
            .Select(group => new { group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Key, group => group.Count, stop);
        var models = (await db.ItemModels.AsNoTracking().Where(model => ids.Contains(model.ItemId)).ToListAsync(stop))
            .ToLookup(model => model.ItemId);

        return [.. rows.Select(row => View(row.Definition, row.UpdatedAt, Counts(row.Id), models[row.Id].MaxBy(model => model.CreatedAt)))];

        ResponseCounts Counts(string id) => new(
            counts.GetValueOrDefault((id, Split.Train)),
            counts.GetValueOrDefault((id, Split.Validation)),
            counts.GetValueOrDefault((id, Split.Test)),
            scoredTwice.GetValueOrDefault(id));
    }

    static ItemView View(Item item, DateTimeOffset updatedAt, ResponseCounts responses, ItemModelRow? model) => new()
    {
        ItemId = item.Id,
        Title = item.Title,
        Prompt = item.Prompt,
        ReferenceAnswer = item.ReferenceAnswer,
        Rubric = item.Rubric,
        Scoring = item.Scoring,
        Labels = item.Labels,
        Points = item.Points,
        Minimum = item.Minimum,
        Maximum = item.Maximum,
        Responses = responses,
        Model = model is null ? null : ItemModelView.Of(model),
        UpdatedAt = updatedAt,
    };
}
