using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Features;

/// <summary>The point clouds of an item: its own model's features of its own training responses (GW-SMM §3; algorithm brief §1.2).</summary>
public static class FeatureClouds
{
    /// <summary>Draws the responses and runs the item's model once over every one that was drawn.</summary>
    /// <param name="model">The item's own model.</param>
    /// <param name="item">Its responses.</param>
    /// <param name="recipe">Layer, pooling, number of responses, seed, and number of draws: with the seed and those that follow it.</param>
    /// <param name="runtime">How the model runs.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    /// <returns>One cloud <c>[samples, hidden]</c> a draw; all training responses, and no spread, where there are fewer than asked for.</returns>
    public static ItemCloud Of(
        ItemModel model, TokenizedItem item, FeatureRecipe recipe, RuntimeOptions runtime, int threads, CancellationToken stop)
    {
        int[][] draws = [.. Enumerable.Range(0, recipe.Repeats).Select(repeat =>
            Draw(item.Train.Length, recipe.Samples, unchecked(recipe.Seed + repeat)))];
        int[] drawn = [.. draws.SelectMany(draw => draw).Distinct()];

        var output = new EncoderOutput(recipe.Layer, recipe.Pooling);
        using var encoder = EncoderEngines.Open(new StaticEncoder(model.Config, model.Encoder), output, runtime);
        var features = PooledFeatures.Of(encoder, Array.ConvertAll(drawn, response => item.Train[response]), threads, stop);

        var row = drawn.Select((response, row) => (response, row)).ToDictionary(pair => pair.response, pair => pair.row);
        return new(item.Id, [.. draws.Select(draw => Rows(features, Array.ConvertAll(draw, response => row[response])))]);
    }

    static int[] Draw(int responses, int samples, int seed)
    {
        int[] drawn = [.. Enumerable.Range(0, responses)];
        new Random(seed).Shuffle(drawn);
        return drawn[..Math.Min(samples, responses)];
    }

    static Tensor Rows(Tensor features, int[] rows)
    {
        var width = features.Shape[1];
        var taken = new float[rows.Length * width];
        for (var i = 0; i < rows.Length; i++)
            features.Values.AsSpan(rows[i] * width, width).CopyTo(taken.AsSpan(i * width));
        return new([rows.Length, width], taken);
    }
}
