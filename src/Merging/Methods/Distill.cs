using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Distilled merge: starts from a static merge and trains it to say of each item's responses what the item's own model says of them (Hinton et al. 2015).
/// Needs the responses' texts and no label that a person gave.
/// </summary>
[Description("Starts from a static merge and trains it to match each item's own model on unlabelled responses.")]
public sealed record Distill : JointMethod
{
    /// <summary>What training starts from. Default the mean of the item models.</summary>
    [Description("What training starts from.")]
    [DeniedValues(SharedEncoder.Distill)]
    public SharedEncoder Start { get; init; } = SharedEncoder.SimpleAverage;

    /// <summary>
    /// Weight of the mean squared distance between the pooled vector and that of the item's own model, beside the cross entropy with its probabilities.
    /// Default 0.
    /// </summary>
    [Description("Weight of the distance between pooled vectors, beside the cross entropy with the own model's probabilities.")]
    [Range(0.0, 1000.0)]
    public double FeatureWeight { get; init; }

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) => group.Made.GetOrMake(this, group, () =>
    {
        var teachers = Teacher.Of(group, work);
        return Train(
            Start.Make(1.0 / group.Items.Length, group, work),
            group,
            [.. teachers.Select(teacher => teacher.Labelled())],
            [.. teachers.SelectMany((teacher, position) => teacher.Examples(position))],
            new() { Targets = 1, Features = FeatureWeight },
            work);
    });
}
