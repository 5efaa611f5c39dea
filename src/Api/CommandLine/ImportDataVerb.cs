using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using ScoringService.Api.Items;
using ScoringService.Api.Storage;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Api.CommandLine;

/// <summary><c>import-data</c>: defines items and stores their scored responses, from files as people have them.</summary>
static class ImportDataVerb
{
    public static Command Create()
    {
        var path = new Argument<FileSystemInfo>("path") { Description = "A file, or a directory of files" }.AcceptExistingOnly();
        var format = new Option<string>("--format")
        {
            Description = $"How the files are laid out: {string.Join(", ", DataFormats.Names)}",
            Required = true,
        };
        var split = new Option<Split>("--split")
        {
            Description = "Split that the responses belong to, where the layout names none",
            DefaultValueFactory = _ => Split.Train,
        };
        var item = new Option<string?>("--item") { Description = "Only the item with this id" };
        var output = new Option<FileInfo?>("--out") { Description = "Where the answer is written; standard output by default" };
        format.AcceptOnlyFromAmong([.. DataFormats.Names]);
        var command = new Command("import-data", "Define items and store their scored responses") { path, format, split, item, output };
        command.SetAction(async (parsed, stop) =>
        {
            try
            {
                var layout = DataFormats.Find(parsed.GetRequiredValue(format))!.Value;
                var sets = Read(parsed.GetRequiredValue(path), layout, parsed.GetValue(split), parsed.GetValue(item));
                await using var app = Verbs.BuildForVerb();
                app.Services.OpenStorage();
                var store = app.Services.GetRequiredService<ItemStore>();
                var imported = new List<ImportedItem>();
                foreach (var set in sets)
                {
                    imported.Add(await Store(store, set, stop));
                    await parsed.InvocationConfiguration.Error.WriteLineAsync($"{set.Item.Id}: {imported[^1].Responses} responses");
                }
                await Answer(parsed.GetValue(output), parsed.InvocationConfiguration.Output, imported);
                return 0;
            }
            catch (ItemDataException unusable)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(unusable.Message);
                return 1;
            }
        });
        return command;
    }

    static ImmutableArray<ItemSplits> Read(FileSystemInfo path, DataFormat layout, Split split, string? only)
    {
        string[] files = path is DirectoryInfo directory
            ? [.. directory.EnumerateFiles().Where(file => file.Extension is ".csv" or ".tsv" or ".xml").Select(file => file.FullName).Order(StringComparer.Ordinal)]
            : [path.FullName];
        var sets = files.SelectMany(file => layout == DataFormat.Scoring ? [ItemSplits.Of(ItemDataFile.ReadAsWritten(file))] : Foreign(file, layout, split));
        ImmutableArray<ItemSplits> chosen = [.. sets.Where(set => only is null || set.Item.Id == only)];
        var nothing = only is null ? "There is no file to import (.csv, .tsv or .xml)." : $"There is no item '{only}'.";
        return chosen.IsEmpty ? throw new ItemDataException(path.FullName, new([new(0, null, nothing)], 1)) : chosen;
    }

    static IEnumerable<ItemSplits> Foreign(string file, DataFormat layout, Split split) =>
        ScoredRows.Read(layout, Path.GetFileName(file), File.ReadAllBytes(file)).ToItems(Path.GetFileName(file))
            .Select(item => new ItemSplits(item.Item, new Dictionary<Split, ImmutableArray<LabelledResponse>> { [split] = item.Responses }));

    // An item that is defined already keeps its definition.
    static async Task<ImportedItem> Store(ItemStore store, ItemSplits set, CancellationToken stop)
    {
        var defined = await store.Find(set.Item.Id, stop);
        if (defined is null)
            await store.Put(set.Item, stop);
        else if (!defined.Labels.AsSpan().SequenceEqual(set.Item.Labels.AsSpan()))
            throw Misfit(defined, set.Item);
        foreach (var (split, responses) in set.Splits.Where(split => !split.Value.IsEmpty))
        {
            var errors = await store.ReplaceResponses(set.Item.Id, split, responses, stop);
            if (errors.Count > 0)
                throw new ItemDataException(set.Item.Id, errors);
        }
        var all = set.Splits.Values.SelectMany(responses => responses).ToArray();
        return new(set.Item.Id, all.Length, all.Count(response => response.SecondLabels is not null));
    }

    static ItemDataException Misfit(Item defined, Item found) => new(found.Id, new([new(0, null,
        $"The item is defined with the labels {string.Join(", ", defined.Labels)}; the file has {string.Join(", ", found.Labels)}. Upload the file to the item "
        + "(PUT /v1/admin/items/{itemId}/responses), where its own scale holds, or delete the item first.")], 1));

    static async Task Answer(FileInfo? file, TextWriter output, List<ImportedItem> imported)
    {
        var json = JsonSerializer.Serialize(new { items = imported }, JsonSerializerOptions.Web);
        if (file is null)
            await output.WriteLineAsync(json);
        else
            await File.WriteAllTextAsync(file.FullName, json);
    }

    sealed record ImportedItem(string ItemId, int Responses, int ScoredTwice);

    sealed record ItemSplits(Item Item, IReadOnlyDictionary<Split, ImmutableArray<LabelledResponse>> Splits)
    {
        public static ItemSplits Of(ItemData data) => new(data.Item, new Dictionary<Split, ImmutableArray<LabelledResponse>>
        {
            [Split.Train] = data.Train,
            [Split.Validation] = data.Validation,
            [Split.Test] = data.Test,
        });
    }
}
