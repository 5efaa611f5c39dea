using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Methods;

/// <summary>Where the tensors come from that a method starts from, or puts its experts around.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SharedEncoder>))]
public enum SharedEncoder
{
    /// <summary>The base model.</summary>
    [JsonStringEnumMemberName("base")] Base,

    /// <summary>The mean of the item models.</summary>
    [JsonStringEnumMemberName("simple-average")] SimpleAverage,

    /// <summary>Task arithmetic.</summary>
    [JsonStringEnumMemberName("task-arithmetic")] TaskArithmetic,

    /// <summary>RegMean.</summary>
    [JsonStringEnumMemberName("regmean")] RegMean,

    /// <summary>The distilled merge.</summary>
    [JsonStringEnumMemberName("distill")] Distill,
}

/// <summary>Makes the encoder that a <see cref="SharedEncoder"/> names.</summary>
static class SharedEncoders
{
    /// <summary>Makes it, with the defaults of the method it names.</summary>
    /// <param name="shared">Which one.</param>
    /// <param name="lambda">Scale of the summed task vectors, for task arithmetic.</param>
    /// <param name="group">The group.</param>
    /// <param name="work">How it is made.</param>
    public static IReadOnlyDictionary<string, Tensor> Make(this SharedEncoder shared, double lambda, MergeGroup group, MergeWork work) => shared switch
    {
        SharedEncoder.SimpleAverage => new SimpleAverage().MakeEncoder(group, work).Shared,
        SharedEncoder.TaskArithmetic => new TaskArithmetic { Lambda = lambda }.MakeEncoder(group, work).Shared,
        SharedEncoder.RegMean => new RegMean().MakeEncoder(group, work).Shared,
        SharedEncoder.Distill => new Distill().MakeEncoder(group, work).Shared,
        _ => group.Base.Encoder,
    };
}
