namespace ScoringService.Merging;

/// <summary>Where a training or merge run stands.</summary>
/// <param name="Stage">Name of the stage, e.g. <c>training</c>, <c>alignment</c>.</param>
/// <param name="Fraction">How much of the whole run is done, 0 to 1; never decreases.</param>
/// <param name="Message">One line for people, e.g. <c>SC_Puddle: epoch 2 of 4, loss 0.41, 38 s left</c>.</param>
public readonly record struct StageProgress(string Stage, double Fraction, string Message);
