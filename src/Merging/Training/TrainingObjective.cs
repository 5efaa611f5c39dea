namespace ScoringService.Merging.Training;

/// <summary>What joint training minimizes: a weighted sum of the means over a step's responses. A weight of 0 leaves a term out.</summary>
public sealed record TrainingObjective
{
    /// <summary>
    /// Weight of the cross entropy with the targets: labels that people gave, or the probabilities of an item's own model (distillation). Softmax over the
    /// classes of a multi-class item; the mean over the labels of a multi-label one, so that items with many labels do not dominate.
    /// </summary>
    public double Targets { get; init; }

    /// <summary>
    /// Weight of the entropy of the predictions, which needs no labels (WEMoE §3.3): −Σ p·ln(p + 1e-8), or the mean binary entropy over the labels of a
    /// multi-label item.
    /// </summary>
    public double Entropy { get; init; }

    /// <summary>Weight of the mean squared distance, per dimension, between the pooled vector and that of the item's own model.</summary>
    public double Features { get; init; }
}
