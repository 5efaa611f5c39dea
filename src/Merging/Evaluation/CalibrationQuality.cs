using System.Collections.Immutable;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Evaluation;

/// <summary>How honest probabilities are.</summary>
/// <param name="ExpectedError">
/// Expected calibration error over 15 bins of equal width (Naeini et al. 2015), 0 to 1: of a multi-class item's confidence against how often the
/// score
/// is right, of a multi-label item's label probabilities against how often the label holds.
/// </param>
/// <param name="MeanLoss">Mean negative log-likelihood per response, in nats; in a multi-label item averaged over labels too.</param>
public sealed record CalibrationQuality(double ExpectedError, double MeanLoss)
{
    const int Bins = 15;

    /// <summary>Compares probabilities with the labels people gave.</summary>
    /// <param name="item">The item.</param>
    /// <param name="calibration">How logits become probabilities.</param>
    /// <param name="logits">Shape <c>[responses, labels]</c>.</param>
    /// <param name="responses">The responses; at least one.</param>
    public static CalibrationQuality Of(Item item, Calibration calibration, Tensor logits, ImmutableArray<LabelledResponse> responses)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(calibration);
        ArgumentNullException.ThrowIfNull(logits);
        var claims = ItemCalibration.Score(item, calibration, logits).Zip(responses, (labels, response) =>
        {
            var cells = labels.Zip(response.Labels, (label, holds) => (label.Probability, Holds: holds)).ToArray();
            return item.Scoring == ScoringKind.MultiLabel ? cells : [cells.MaxBy(cell => cell.Probability)];
        }).SelectMany(cells => cells).ToArray();
        var error = claims
            .GroupBy(claim => Math.Min((int)(claim.Probability * Bins), Bins - 1))
            .Sum(bin => Math.Abs(bin.Sum(claim => claim.Probability - (claim.Holds ? 1 : 0)))) / claims.Length;

        var loss = logits.Values.Chunk(item.Labels.Length).Zip(responses, (row, response) => Losses.Of(
            item.Scoring,
            [.. row.Select(logit => logit / calibration.Temperature)],
            [.. response.Labels.Select(holds => holds ? 1f : 0f)])).Average();
        return new(error, loss);
    }
}
