using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Features;

/// <summary>The point cloud of an item: its own model's features of its own training responses (GW-SMM §3; algorithm brief §1.2).</summary>
public static class FeatureClouds
{
    /// <summary>Draws the responses and runs the item's model over them.</summary>
    /// <param name="model">The item's own model.</param>
    /// <param name="item">Its responses.</param>
    /// <param name="recipe">Layer, pooling, number of responses and seed.</param>
    /// <param name="runtime">How the model runs.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    /// <returns>Shape <c>[samples, hidden]</c>; all training responses where there are fewer than asked for.</returns>
    public static Tensor Of(
        ItemModel model, TokenizedItem item, FeatureRecipe recipe, RuntimeOptions runtime, int threads, CancellationToken stop)
    {
        var output = new EncoderOutput(recipe.Layer, recipe.Pooling);
        using var encoder = EncoderSession.Create(model.Config, model.Encoder, output, runtime);
        return PooledFeatures.Of(encoder, item.DrawTrain(recipe.Samples, recipe.Seed), threads, stop);
    }
}
