using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Methods;

/// <summary>
/// RegMean, regression mean (Jin et al. 2023, §3; algorithm brief §4.6): the weight of every linear layer that comes closest, in least squares, to
/// what each item's own layer makes of that item's responses, W = (Σᵢ Wᵢ G̃ᵢ)(Σᵢ G̃ᵢ)⁻¹ with G̃ᵢ = αGᵢ + (1 − α) diag Gᵢ and Gᵢ from
/// <see cref="InputGrams"/>. Everything else moves along the mean task vector, θ = θ₀ + (λ/T) Σᵢ τᵢ.
/// </summary>
[Description("Fits every linear layer, in least squares, to what the items' own layers make of their responses; averages everything else.")]
public sealed record RegMean : ResponseMethod
{
    /// <summary>
    /// Share α of the Gram matrices' off-diagonal elements that is kept. From 0 to 1; default 0.99, which was better than 0.9 on the responses of
    /// MIND-CA. Public code takes 0.95 for CLIP and 0.6 for GPT-2.
    /// </summary>
    [Description("Share α of the Gram matrices' off-diagonal elements that is kept; 1 keeps them all.")]
    [Range(0.0, 1.0)]
    public double Alpha { get; init; } = 0.99;

    /// <summary>Scale λ of the mean task vector of what is not the weight of a linear layer. Unitless; default 1, the plain average.</summary>
    [Description("Scale λ of the mean task vector of biases, normalizations and embeddings; 1 averages them.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 1;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> Combine(MergeGroup group, MergeWork work)
    {
        var encoders = group.Ids.Select(id => group.Models.TryGetValue(id, out var model) ? model.Encoder : null).ToArray();
        var average = new TaskArithmetic { Lambda = Lambda / encoders.Length };
        var merged = new Dictionary<string, Tensor>(Merge.Combine(average, group.Base.Encoder, group.Ids, group.Models, work.Threads, work.Stop));
        if (encoders.Length == 1)
            return merged;

        var systems = new Dictionary<string, LinearRegressionMean>();
        for (var model = 0; model < encoders.Length; model++)
        {
            var item = group.Items[model];
            work.Progress.Report(new("gram matrices", (double)model / (encoders.Length + 1), $"inputs of '{item.Id}'"));
            var runtime = work.Runtime with { Threads = work.Threads };
            var grams = InputGrams.Of(group.Config, encoders[model]!, Draw(item), runtime, work.Stop);
            foreach (var layer in grams.Keys.Where(IsChanged))
                systems.TryAdd(layer, new([.. encoders.Select(encoder => encoder![WeightOf(layer)])], Alpha));
            ForEachSystem((layer, system) => system.Add(model, grams[layer]));
        }

        work.Progress.Report(new("gram matrices", (double)encoders.Length / (encoders.Length + 1), "solving"));
        var solved = systems.Keys.ToDictionary(layer => layer, _ => default(Tensor));
        ForEachSystem((layer, system) => solved[layer] = system.Solve());
        foreach (var (layer, weight) in solved)
            merged[WeightOf(layer)] = weight!;
        return merged;

        bool IsChanged(string layer) => !ReferenceEquals(merged[WeightOf(layer)], group.Base.Encoder[WeightOf(layer)]);

        void ForEachSystem(Action<string, LinearRegressionMean> action) => Parallel.ForEach(
            systems,
            new ParallelOptions { MaxDegreeOfParallelism = work.Threads, CancellationToken = work.Stop },
            system => action(system.Key, system.Value));
    }

    /// <summary>The regression mean of one linear layer's weights.</summary>
    /// <param name="weights">Wᵢ of each model, <c>[out, in]</c>; at least one.</param>
    /// <param name="grams">Gᵢ of each model, <c>[in, in]</c>.</param>
    /// <param name="alpha">Share α of the off-diagonal elements that is kept, 0 to 1.</param>
    /// <returns>W, <c>[out, in]</c>. Where the Gram matrices are singular, a ridge draws it to the plain mean.</returns>
    /// <exception cref="ArgumentException">Shapes or numbers do not fit.</exception>
    public static Tensor Solve(IReadOnlyList<Tensor> weights, IReadOnlyList<Matrix> grams, double alpha)
    {
        if (weights.Count == 0 || weights.Count != grams.Count)
            throw new ArgumentException($"{weights.Count} weights need as many Gram matrices, not {grams.Count}.", nameof(grams));
        if (weights.Zip(grams).Any(pair => pair.First.Shape is not [_, var inputs] || pair.Second.Rows != inputs || pair.Second.Columns != inputs))
            throw new ArgumentException("A weight [out,in] needs a Gram matrix [in,in].", nameof(grams));
        var system = new LinearRegressionMean([.. weights], alpha);
        for (var model = 0; model < weights.Count; model++)
            system.Add(model, grams[model]);
        return system.Solve();
    }

    static string WeightOf(string layer) => $"{layer}.weight";
}
