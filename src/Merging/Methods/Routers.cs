using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Routers before they have learned anything.</summary>
static class Routers
{
    /// <summary>Weights from a normal distribution, biases zero but for b₂, which every expert's weight starts from.</summary>
    /// <param name="shapes">Names and shapes of the routers' tensors.</param>
    /// <param name="bias">Value of b₂.</param>
    /// <param name="deviation">Standard deviation of the weights.</param>
    /// <param name="seed">Seed of the weights.</param>
    public static Dictionary<string, Tensor> Initialize(IReadOnlyDictionary<string, ImmutableArray<int>> shapes, double bias, double deviation, int seed)
    {
        var random = new Random(seed);
        return shapes.ToDictionary(tensor => tensor.Key, tensor =>
        {
            var values = new float[tensor.Value.Aggregate(1, (size, dimension) => size * dimension)];
            for (var i = 0; i < values.Length; i++)
                values[i] = RouterLayout.IsOutputBias(tensor.Key) ? (float)bias : tensor.Value.Length == 2 ? (float)(deviation * Normal(random)) : 0;
            return new Tensor(tensor.Value, values);
        });
    }

    static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
