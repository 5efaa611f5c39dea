using System.Collections.Immutable;
using System.Numerics.Tensors;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Training;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Methods;

/// <summary>What an item's own model makes of the item's training responses: what is distilled, without any label that a person gave.</summary>
/// <param name="Item">The item.</param>
/// <param name="Features">Pooled vectors, <c>[responses, hidden]</c>.</param>
/// <param name="Probabilities">Probability of each label, a row for each response.</param>
sealed record Teacher(TokenizedItem Item, Tensor Features, ImmutableArray<float[]> Probabilities)
{
    /// <summary>Asks the model of every item of a group.</summary>
    public static ImmutableArray<Teacher> Of(MergeGroup group, MergeWork work) => [.. group.Items.Select(item =>
    {
        var model = group.Models[item.Id];
        using var encoder = EncoderEngines.Open(new StaticEncoder(model.Config, model.Encoder), new(), work.Runtime);
        var features = PooledFeatures.Of(encoder, item.Train, work.Threads, work.Stop);
        var logits = LinearHead.Logits(model.Head, features).Values.Chunk(model.Head.Labels);
        return new Teacher(item, features, [.. logits.Select(row => Probability(item.Data.Item.Scoring, row))]);
    })];

    /// <summary>The training responses as examples to be matched.</summary>
    /// <param name="position">Position of the item in its group.</param>
    public IEnumerable<TrainingExample> Examples(int position)
    {
        var hidden = Features.Shape[1];
        return Item.Train.Select((ids, row) =>
            new TrainingExample(ids, position, Probabilities[row], Features.Values.AsSpan(row * hidden, hidden).ToArray()));
    }

    /// <summary>The training responses labelled as the model scores them.</summary>
    public ImmutableArray<LabelledResponse> Labelled() => [.. Item.Data.Train.Zip(Probabilities, (response, probabilities) =>
        response with { Labels = Decide(probabilities) })];

    ImmutableArray<bool> Decide(float[] probabilities)
    {
        var best = Array.IndexOf(probabilities, probabilities.Max());
        return [.. probabilities.Select((p, label) => Item.Data.Item.Scoring == ScoringKind.MultiClass ? label == best : p > .5f)];
    }

    static float[] Probability(ScoringKind scoring, float[] logits)
    {
        if (scoring == ScoringKind.MultiLabel)
            TensorPrimitives.Sigmoid(logits, logits);
        else
            TensorPrimitives.SoftMax(logits, logits);
        return logits;
    }
}
