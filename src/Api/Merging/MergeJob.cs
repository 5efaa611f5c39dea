using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Bundles;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.LanguageModels;
using ScoringService.Api.Problems;
using ScoringService.Api.Storage;
using ScoringService.Api.Training;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Training;

namespace ScoringService.Api.Merging;

/// <summary>Merges item models into a bundle, publishes it with its report and, where the recipe says so, activates it.</summary>
sealed class MergeJob(
    BaseModels baseModels, ItemStore items, ItemModels models, BundleStore bundles, BundleActivation activation, DataDirectory directory,
    IOptions<RuntimeOptions> runtime, IOptions<JobOptions> jobs, IOptions<JsonOptions> json, IOptions<LanguageModelOptions> languageModel,
    ChatCompletions chat, TimeProvider time) : IJobHandler
{
    const int TokensWithoutModels = 128;

    public JsonElement Run(JobRun job, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var recipe = job.Recipe.Deserialize<MergeRecipe>(json.Value.SerializerOptions)!;
        var method = MethodCatalog.Parse(recipe.Method, out _)!;
        progress.Report(new("loading", 0, "base model, items and item models"));
        var sources = Load(recipe, method, stop);

        var (threads, single) = (jobs.Value.Threads, runtime.Value with { Threads = 1 });
        var references = ReferenceScores.Of(sources, single, threads, new ShareOfProgress(progress, 0, 0.4), stop);
        var merged = new MergeRun(sources, references, single, threads, chat.Model is { } model ? new SimilarityRater(model) : null, time)
        {
            Unfinished = directory.UnfinishedMerges,
        }.Run(recipe, method, alignment: null, new ShareOfProgress(progress, 0.4, 0.9), stop);

        progress.Report(new("publishing", 0.9, $"{merged.Groups.Length} encoders"));
        var id = MergePublication.Publish(directory.Bundles, merged, sources, recipe, job.CreatedAt, stop);
        var manifest = Bundle.Open(directory.Bundle(id)).Manifest;
        bundles.Add(BundleRow.Of(id, manifest));
        WriteReport(job.Id, merged.Report with { Bytes = manifest.Bytes });
        if (recipe.Activate)
        {
            progress.Report(new("activating", 0.95, id));
            if (activation.Activate(id, stop).GetAwaiter().GetResult().Obstacle is { } obstacle)
                throw new InvalidOperationException($"Bundle {id} was published and cannot be activated: {obstacle}");
        }

        return JsonSerializer.SerializeToElement(
            new MergeResult(id, merged.Report.Encoders, manifest.Bytes, merged.Report.All, merged.Report.MergedOnly, recipe.Activate),
            json.Value.SerializerOptions);
    }

    MergeSources Load(MergeRecipe recipe, MergeMethod method, CancellationToken stop)
    {
        var validation = new Validation();
        var ids = MergeRecipeValidation.ItemsOf(recipe, items.List(stop).GetAwaiter().GetResult().Items, languageModel.Value, validation);
        if (validation.Failed)
            throw new InvalidOperationException($"The recipe no longer fits the items: {validation.Problem.ProblemDetails.Detail}");

        var taken = method.UsesItemModels || Grouping.NeedsAlignment(recipe.Grouping);
        var rows = taken ? ids.Select(models.Newest).OfType<ItemModelRow>().ToArray() : [];
        var bases = rows.Select(row => row.BaseModel).OfType<string>().Distinct().DefaultIfEmpty(BaseModels.Default).ToArray();
        if (bases.Length > 1)
            throw new MergeException(
                $"The item models come from different base models: {string.Join(", ", bases)}. Merge those of one base at a time.");

        var baseModel = baseModels.Load(bases[0]);
        var maxTokens = rows.Select(row => row.MaxTokens).DefaultIfEmpty(TokensWithoutModels).Max();
        var data = ids.Select(id => items.Data(id)).ToArray();
        var loaded = new Dictionary<string, ItemModel>();
        foreach (var row in rows)
        {
            stop.ThrowIfCancellationRequested();
            loaded.Add(row.ItemId, Load(data.Single(item => item.Item.Id == row.ItemId).Item, row.Hash));
        }

        int[] Tokenize(string text) => baseModel.Tokenizer.Encode(text, maxTokens);
        return new(
            baseModel.Name, baseModel.Checkpoint, [.. data.Select(item => TokenizedItem.From(item, Tokenize))], loaded, maxTokens);
    }

    ItemModel Load(Item item, string hash)
    {
        try
        {
            return models.Load(item, hash);
        }
        catch (InvalidCheckpointException invalid)
        {
            throw new MergeException(
                $"The model of item '{item.Id}' cannot be read: {invalid.MessageWithoutPath} "
                + "Train or import it again, or leave the item out of itemIds.");
        }
    }

    void WriteReport(string jobId, MergeReport report)
    {
        var path = directory.MergeReport(jobId);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(report, json.Value.SerializerOptions));
    }
}

/// <summary>The outcome of a merge job. The report has the details.</summary>
/// <param name="Bundle">Id of the bundle.</param>
/// <param name="Encoders">Encoders it holds.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="All">Means over all items.</param>
/// <param name="MergedOnly">Means over the items that share an encoder; null where none does.</param>
/// <param name="Activated">Whether it was activated.</param>
sealed record MergeResult(string Bundle, int Encoders, long Bytes, TotalReport All, TotalReport? MergedOnly, bool Activated);
