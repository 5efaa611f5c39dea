using System.Collections.Immutable;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

/// <summary>Given and predicted classes of made-up items.</summary>
static class Predictions
{
    /// <summary>Rows of labels in which exactly the class holds.</summary>
    public static ImmutableArray<ImmutableArray<bool>> Classes(int labels, params IEnumerable<int> classes) =>
        [.. classes.Select(right => Enumerable.Range(0, labels).Select(label => label == right).ToImmutableArray())];

    /// <summary>An item with a scale from 0.</summary>
    public static ItemPredictions Of(int labels, IEnumerable<int> truth, IEnumerable<int> predicted) =>
        new(Scale(labels), Classes(labels, truth), Classes(labels, predicted));

    /// <summary>Two methods that each err on a share of the responses, on their own.</summary>
    public static (ItemPredictions Method, ItemPredictions Other) Pair(Random random, int responses, double errorsOfMethod, double errorsOfOther)
    {
        int[] truth = [.. Enumerable.Range(0, responses).Select(_ => random.Next(3))];
        return (Of(3, truth, Noisy(errorsOfMethod)), Of(3, truth, Noisy(errorsOfOther)));

        int[] Noisy(double share) => [.. truth.Select(right => random.NextDouble() < share ? random.Next(3) : right)];
    }

    static Item Scale(int labels) => new()
    {
        Id = "scale",
        Scoring = ScoringKind.MultiClass,
        Labels = [.. Enumerable.Range(0, labels).Select(label => $"{label}")],
        Points = [.. Enumerable.Range(0, labels).Select(label => (double)label)],
    };
}
