using System.Text.Json;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging;

/// <summary>Turns what a merge arrived at into a bundle.</summary>
public static class MergePublication
{
    /// <summary>Exports the encoders and publishes them with heads, tokenizer, recipe and report.</summary>
    /// <param name="bundlesRoot">Directory of all bundles.</param>
    /// <param name="merged">Encoders, heads and report.</param>
    /// <param name="sources">What was merged.</param>
    /// <param name="recipe">How it was merged.</param>
    /// <param name="createdAt">When the work was asked for; the same work asked for once makes the same bundle, however often it runs.</param>
    /// <param name="stop">Stops between encoders; nothing is visible until the end.</param>
    /// <returns>The bundle's id.</returns>
    public static string Publish(
        string bundlesRoot, MergedItems merged, MergeSources sources, MergeRecipe recipe, DateTimeOffset createdAt, CancellationToken stop)
    {
        using var writer = new BundleWriter(bundlesRoot);
        var precisions = new List<EncoderPrecision?>();
        foreach (var (index, group) in merged.Groups.Index())
        {
            stop.ThrowIfCancellationRequested();
            (EncoderModel Encoder, EncoderPrecision? Precision) served =
                recipe.Precision == MergeRecipe.EightBits ? EightBitChoice.Of(group.Encoder, group.Items, stop) : (group.Encoder, null);
            EncoderExport.Write(writer.EncodersDirectory, MergedItems.EncoderName(index), served.Encoder);
            precisions.Add(served.Precision);
        }

        var items = merged.Groups.SelectMany(group => group.Items).ToArray();
        var manifest = new BundleManifest
        {
            CreatedAt = createdAt,
            BaseModel = sources.BaseName,
            Tokenizer = new(sources.MaxTokens),
            Encoders = [.. merged.Report.Groups.Zip(precisions, (group, precision) => new BundleEncoder(
                group.Encoder, $"encoders/{group.Encoder}.onnx", $"encoders/{group.Encoder}.safetensors", group.ItemIds, precision))],
            Items = [.. items.Select(item => new BundleItem(item.Item.Data.Item, item.Calibration, TrainedOn(item.Item)))],
            Method = recipe.Method.GetProperty("name").GetString()!,
            Recipe = JsonSerializer.SerializeToElement(recipe, JsonSerializerOptions.Web),
            Metrics = JsonSerializer.SerializeToElement(merged.Report.All, JsonSerializerOptions.Web),
            Provenance = MergeProvenance.Of(merged.Report) is { } provenance
                ? JsonSerializer.SerializeToElement(provenance, JsonSerializerOptions.Web)
                : null,
            Parents = ModelHash.Parents(sources, stop),
        };
        return writer.Publish(manifest, items.ToDictionary(item => item.Item.Id, item => item.Head), sources.Base.Tokenizer);
    }

    static TokenRange TrainedOn(TokenizedItem item) => new(item.Train.Min(ids => ids.Length), item.Train.Max(ids => ids.Length));
}
