using System.Collections.Immutable;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;

namespace ScoringService.Merging;

/// <summary>The encoders and heads a merge arrived at, and the report on them.</summary>
/// <param name="Groups">The groups in the order of the plan.</param>
/// <param name="Report">What they reach and cost.</param>
public sealed record MergedItems(ImmutableArray<MergedGroup> Groups, MergeReport Report)
{
    /// <summary>Name of a group's encoder: <c>e0</c>, <c>e1</c>, …</summary>
    public static string EncoderName(int group) => $"e{group}";
}

/// <summary>One group after the merge.</summary>
/// <param name="Encoder">The encoder its items share.</param>
/// <param name="Items">Its items with their heads.</param>
/// <param name="EncoderTime">Time the encoder took over all their responses; zero where it was not run.</param>
/// <param name="Responses">Responses it was run over.</param>
public sealed record MergedGroup(EncoderModel Encoder, ImmutableArray<FittedItem> Items, TimeSpan EncoderTime, int Responses)
{
    /// <summary>What the method found out about the group besides its encoder; null where it did not run.</summary>
    public MethodFindings? Findings { get; init; }

    /// <summary>Numbers in the encoder and the heads.</summary>
    public long Parameters => Encoder.Parameters + HeadParameters;

    /// <summary>Bytes of the weights of encoder and heads as a bundle stores them.</summary>
    public long WeightBytes => EncoderExport.WeightBytes(Encoder) + (sizeof(float) * HeadParameters);

    long HeadParameters => Items.Sum(item => (long)item.Head.Weight.Length + item.Head.Bias.Length);
}
