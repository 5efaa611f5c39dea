using System.Collections.Immutable;
using ScoringService.Inference.Encoders;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Methods;

/// <summary>How far fine-tuning moved a module.</summary>
/// <param name="Norm">L2 norm of the task vector, the mean over items: the paper's measure, which larger modules win.</param>
/// <param name="PerParameter">Root mean square per parameter, the mean over items: the same by size.</param>
public readonly record struct Change(double Norm, double PerParameter);

/// <summary>How far fine-tuning moved the two modules of a layer (WEMoE §3.1): what a choice of critical modules goes by.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Attention">The attention projections.</param>
/// <param name="Mlp">The MLP.</param>
public sealed record ModuleChange(int Layer, Change Attention, Change Mlp)
{
    /// <summary>Measures every layer of a group's models.</summary>
    internal static ImmutableArray<ModuleChange> Of(MergeGroup group) => [.. Enumerable.Range(0, group.Config.Layers).Select(layer =>
        new ModuleChange(layer, Of(group, layer, RoutedModule.Attention), Of(group, layer, RoutedModule.Mlp)))];

    static Change Of(MergeGroup group, int layer, RoutedModule module)
    {
        var (norm, perParameter) = (0.0, 0.0);
        foreach (var id in group.Ids)
        {
            var (squares, count) = (0.0, 0);
            foreach (var tensor in WeightEnsemblingEncoder.TensorsOf(layer, module))
            {
                var distance = TensorPrimitives.Distance<float>(
                    group.Models[id].Encoder[tensor].Values, group.Base.Encoder[tensor].Values);
                squares += (double)distance * distance;
                count += group.Base.Encoder[tensor].Length;
            }
            norm += Math.Sqrt(squares) / group.Ids.Length;
            perParameter += Math.Sqrt(squares / count) / group.Ids.Length;
        }
        return new(norm, perParameter);
    }
}
