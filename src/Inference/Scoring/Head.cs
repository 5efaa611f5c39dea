using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Scoring;

/// <summary>An item's linear classifier on the pooled encoder output; never merged.</summary>
/// <param name="Weight">Shape <c>[labels, hidden]</c>.</param>
/// <param name="Bias">Shape <c>[labels]</c>.</param>
public sealed record Head(Tensor Weight, Tensor Bias)
{
    /// <summary>Number of outputs.</summary>
    public int Labels => Bias.Length;

    /// <summary>Width of the pooled encoder output the head reads.</summary>
    public int Hidden => Weight.Shape[1];
}
