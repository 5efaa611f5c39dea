using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Features;

namespace ScoringService.Merging.Methods;

/// <summary>A method that makes a static encoder from the item models and from what they make of training responses; labels are not read.</summary>
public abstract record ResponseMethod : MergeMethod
{
    /// <summary>Training responses per item, drawn at random; all where there are fewer. Default 256.</summary>
    [Description("Training responses per item that the statistics are made from; all where there are fewer.")]
    [Range(1, 4096)]
    public int Samples { get; init; } = 256;

    /// <summary>Seed of the draw. Default 0.</summary>
    [Description("Seed that decides which responses are drawn.")]
    [Range(0, int.MaxValue)]
    public int Seed { get; init; }

    /// <summary>Merges the encoders of a group. A group of one keeps its encoder, and a tensor that no model has changed stays the base's.</summary>
    /// <param name="group">The items, their models and their responses.</param>
    /// <param name="work">How to run, whom to tell, when to stop.</param>
    /// <returns>The merged tensors by name.</returns>
    /// <exception cref="MergeException">Models do not fit together, or an item has no training responses.</exception>
    public abstract IReadOnlyDictionary<string, Tensor> Combine(MergeGroup group, MergeWork work);

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) => new StaticEncoder(group.Config, Combine(group, work));

    /// <summary>Token ids of the responses that the statistics of an item are made from.</summary>
    /// <exception cref="MergeException">There are none.</exception>
    private protected int[][] Draw(TokenizedItem item) => item.Train.Length > 0
        ? item.DrawTrain(Samples, Seed)
        : throw new MergeException($"Item '{item.Id}' has no training responses, which this method reads. Upload some with split=train.");
}
