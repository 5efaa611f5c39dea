using System.Text.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.Training;
using ScoringService.Merging.Data;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.FirstStart;

/// <summary>
/// Makes an empty service useful by itself, in Development: defines the sample items and queues three ordinary jobs. The first, the frozen base with fitted
/// heads, can score after seconds; the others train item models and put the merged bundle in its place while it answers requests.
/// </summary>
sealed partial class SampleSeeding(
    ItemStore items, JobQueue queue, IOptions<FirstStartOptions> options, IHostEnvironment environment, ILogger<SampleSeeding> log)
    : BackgroundService
{
    const string Tenant = "samples";

    static readonly string Directory = Path.Combine(AppContext.BaseDirectory, "samples", "science");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!environment.IsDevelopment() || !options.Value.SeedSamples || (await items.List(stoppingToken)).Items.Count > 0)
            return;

        var samples = ItemDataFile.ReadDirectory(Directory);
        foreach (var sample in samples)
            await Define(sample, stoppingToken);
        Seeded(log, samples.Length);

        string[] ids = [.. samples.Select(sample => sample.Item.Id)];
        var together = new GroupingRecipe { Strategy = GroupingStrategy.One };
        await queue.Enqueue(JobKinds.Merge, Recipe(ids, together, new { name = "frozen-base" }), Tenant, stoppingToken);
        await queue.Enqueue(JobKinds.Training, new TrainingJobRequest { ItemIds = ids }, Tenant, stoppingToken);
        var pairs = new GroupingRecipe { Groups = JsonSerializer.SerializeToElement(ids.Length / 2) };
        await queue.Enqueue(JobKinds.Merge, Recipe(ids, pairs, new { name = "ties" }), Tenant, stoppingToken);
    }

    async Task Define(ItemData data, CancellationToken stop)
    {
        await items.Put(data.Item, stop);
        await items.ReplaceResponses(data.Item.Id, Split.Train, data.Train, stop);
        await items.ReplaceResponses(data.Item.Id, Split.Validation, data.Validation, stop);
        await items.ReplaceResponses(data.Item.Id, Split.Test, data.Test, stop);
    }

    static MergeRecipe Recipe(string[] ids, GroupingRecipe grouping, object method) =>
        new() { ItemIds = [.. ids], Grouping = grouping, Method = JsonSerializer.SerializeToElement(method), Activate = true };

    [LoggerMessage(
        LogLevel.Information, "First start: {Count} sample items defined; a first bundle comes at once, then item models are trained and merged")]
    static partial void Seeded(ILogger log, int count);
}
