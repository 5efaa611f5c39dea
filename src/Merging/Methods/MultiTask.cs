using System.ComponentModel;
using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Multi-task training: one encoder fine-tuned on the labelled responses of all items jointly. No merge: the upper reference for one encoder, and the method to
/// take where all labels are at hand.
/// </summary>
[Description("Fine-tunes one encoder on the labelled responses of all items jointly. Needs labels, and no item models.")]
public sealed record MultiTask : JointMethod
{
    /// <inheritdoc/>
    [JsonIgnore] public override bool NeedsItemModels => false;

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) => Train(
        group.Base.Encoder,
        group,
        [.. group.Items.Select(item => item.Data.Train)],
        [.. group.Items.SelectMany((item, position) => item.Train.Zip(item.Data.Train, (ids, response) =>
            new TrainingExample(ids, position, [.. response.Labels.Select(holds => holds ? 1f : 0f)])))],
        new() { Targets = 1 },
        work);
}
