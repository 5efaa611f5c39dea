namespace ScoringService.Merging.Training;

/// <summary>How gradients become steps, besides the learning rates.</summary>
/// <param name="WeightDecay">Decoupled weight decay on every trained tensor, per step at learning rate 1.</param>
/// <param name="ClipNorm">Gradients whose joint Euclidean norm is larger are scaled down to it. Default 1.</param>
public sealed record Optimization(float WeightDecay, float ClipNorm = 1);
