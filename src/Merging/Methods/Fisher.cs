using System.ComponentModel;
using System.Numerics.Tensors;
using System.Text.Json.Serialization;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Methods;

/// <summary>How <see cref="Fisher"/> estimates the information.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FisherEstimate>))]
public enum FisherEstimate
{
    /// <summary>Response by response, which is right.</summary>
    [JsonStringEnumMemberName("per-response")] PerResponse,

    /// <summary>From gradients summed over batches before they are squared, as public code does.</summary>
    [JsonStringEnumMemberName("batch-sum")] BatchSum,
}

/// <summary>
/// Fisher merging (Matena and Raffel 2022, §3; algorithm brief §4.5): a mean in which every weight counts by how much its item's answers depend on
/// it, θ = Σᵢ λᵢ(Fᵢ + ε)θᵢ / Σᵢ λᵢ(Fᵢ + ε), with Fᵢ from <see cref="FisherInformation"/> and ε = 1e-6.
/// </summary>
[Description("Mean of the encoders, weight by weight, by how much the items' answers depend on it: θ = Σ λᵢ(Fᵢ + ε)θᵢ / Σ λᵢ(Fᵢ + ε).")]
public sealed record Fisher : ResponseMethod
{
    const double Epsilon = 1e-6;

    /// <summary>How the information is estimated. Default response by response.</summary>
    [Description("How the information is estimated: response by response, or from gradients summed over batches as public code does.")]
    public FisherEstimate Estimate { get; init; }

    /// <summary>
    /// Whether items count alike: λᵢ ∝ 1/(‖Fᵢ‖ + ε), the Euclidean norm over all merged tensors; otherwise all λᵢ are equal and an item of which its
    /// model is unsure counts more. Default true.
    /// </summary>
    [Description("Whether each item's information is divided by its norm, so that items count alike.")]
    public bool Normalize { get; init; } = true;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> Combine(MergeGroup group, MergeWork work)
    {
        var average = Merge.Combine(new SimpleAverage(), group.Base.Encoder, group.Ids, group.Models, work.Threads, work.Stop);
        string[] changed = [.. average.Keys.Where(name => !ReferenceEquals(average[name], group.Base.Encoder[name]))];
        if (group.Items is [_] || changed.Length == 0)
            return average;
        var models = group.Items.Select(item => group.Models[item.Id]).ToArray();
        var drawn = group.Items.Select(Draw).ToArray();

        var information = new IReadOnlyDictionary<string, Tensor>[models.Length];
        var options = new ParallelOptions { MaxDegreeOfParallelism = work.Threads, CancellationToken = work.Stop };
        var done = 0;
        Parallel.For(0, models.Length, options, i =>
        {
            information[i] = Estimate == FisherEstimate.PerResponse
                ? FisherInformation.Diagonal(models[i], drawn[i], changed, work.Runtime, work.Stop)
                : FisherInformation.OfPublicCode(models[i], drawn[i], changed, work.Runtime, work.Stop);
            lock (information)
                work.Progress.Report(new("fisher information", (double)++done / models.Length, $"information of '{group.Ids[i]}'"));
        });

        double[] scales = [.. information.Select(tensors => Normalize ? 1 / (Norm(tensors.Values) + Epsilon) : 1)];
        var merged = new Dictionary<string, Tensor>(average);
        foreach (var name in changed)
        {
            work.Stop.ThrowIfCancellationRequested();
            merged[name] = Mean([.. models.Select(model => model.Encoder[name])], [.. information.Select(tensors => tensors[name])], scales);
        }
        return merged;
    }

    /// <summary>One tensor's mean, each value weighted by its information.</summary>
    /// <param name="weights">θᵢ of each model, all of one shape; at least one.</param>
    /// <param name="information">Fᵢ of each model.</param>
    /// <param name="scales">λᵢ of each model, up to a common factor.</param>
    public static Tensor Mean(IReadOnlyList<Tensor> weights, IReadOnlyList<Tensor> information, ReadOnlySpan<double> scales)
    {
        if (weights.Count == 0 || information.Count != weights.Count || scales.Length != weights.Count)
            throw new ArgumentException($"{weights.Count} weights need as many informations and scales.", nameof(information));
        var mean = weights[0].Zeros();
        for (var i = 0; i < mean.Length; i++)
        {
            var (weighted, total) = (0.0, 0.0);
            for (var model = 0; model < scales.Length; model++)
            {
                var share = scales[model] * (information[model].Values[i] + Epsilon);
                weighted += share * weights[model].Values[i];
                total += share;
            }
            mean.Values[i] = (float)(weighted / total);
        }
        return mean;
    }

    /// <summary>Euclidean norm over several tensors.</summary>
    public static double Norm(IEnumerable<Tensor> tensors) =>
        Math.Sqrt(tensors.Sum(tensor => Math.Pow(TensorPrimitives.Norm<float>(tensor.Values), 2)));
}
