using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Evaluation;

/// <summary>How an item's logits become probabilities and decisions, what that was found on, and what it is worth on test responses.</summary>
/// <param name="Served">What the bundle holds.</param>
/// <param name="ValidationResponses">Responses it was found on; where there are too few, nothing is calibrated.</param>
/// <param name="Before">How honest probabilities are on test responses without it; null without test responses.</param>
/// <param name="After">The same with it.</param>
public sealed record ItemCalibration(Calibration Served, int ValidationResponses, CalibrationQuality? Before = null, CalibrationQuality? After = null)
{
    /// <summary>Validation responses below which a temperature would be chance: nothing is calibrated.</summary>
    public const int LeastResponses = 20;

    /// <summary>
    /// The validation responses as decided by thresholds that were chosen without them: what is judged on validation, where the thresholds served
    /// would
    /// flatter themselves.
    /// </summary>
    [JsonIgnore] public ImmutableArray<ImmutableArray<bool>> ValidationDecisions { get; init; } = [];

    /// <summary>
    /// Finds the temperature with the least loss (Guo et al. 2017) and, for a multi-label item, each label's threshold (see <see
    /// cref="DecisionThreshold"/>).
    /// </summary>
    /// <remarks>
    /// A target is (n + 1) / (n + 2) and not 1 (Platt 1999; in a multi-class item of K labels, (n + 1) / (n + K)): responses that happen to be all
    /// right would otherwise ask for boundless confidence.
    /// </remarks>
    /// <param name="item">The item.</param>
    /// <param name="logits">Shape <c>[responses, labels]</c>, by a head that has not been fitted to these responses.</param>
    /// <param name="responses">The validation responses.</param>
    public static ItemCalibration Fit(Item item, Tensor logits, ImmutableArray<LabelledResponse> responses)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(logits);
        if (responses.Length < LeastResponses)
            return new(Calibration.None(item), responses.Length) { ValidationDecisions = Decide(item, Calibration.None(item), logits) };

        var outcomes = responses.Length + (item.Scoring == ScoringKind.MultiClass ? item.Labels.Length : 2f);
        float[] targets = [.. responses.SelectMany(response => response.Labels.Select(holds => (holds ? responses.Length + 1 : 1) / outcomes))];
        var temperature = (float)TemperatureScaling.Fit(item.Scoring, logits.Values, targets, item.Labels.Length).Temperature;
        var scaled = Calibration.None(item) with { Temperature = temperature };
        if (item.Scoring == ScoringKind.MultiClass)
            return new(scaled, responses.Length) { ValidationDecisions = Decide(item, scaled, logits) };

        var probabilities = Score(item, scaled, logits).Select(scored => scored.Select(label => label.Probability).ToArray()).ToArray();
        var thresholds = item.Labels.Select((_, label) => DecisionThreshold.Fit(
            [.. probabilities.Select(row => row[label])], [.. responses.Select(response => response.Labels[label])])).ToArray();
        return new(scaled with { Thresholds = [.. thresholds.Select(label => label.Threshold)] }, responses.Length)
        {
            ValidationDecisions = [.. responses.Select((_, row) => thresholds.Select(label => label.Decisions[row]).ToImmutableArray())],
        };
    }

    /// <summary>What responses are given, exactly as it is served.</summary>
    /// <param name="item">The item.</param>
    /// <param name="calibration">Temperature and thresholds.</param>
    /// <param name="logits">Shape <c>[responses, labels]</c>.</param>
    internal static ImmutableArray<ImmutableArray<bool>> Decide(Item item, Calibration calibration, Tensor logits) =>
        [.. Score(item, calibration, logits).Select(labels => item.Scoring == ScoringKind.MultiLabel
            ? labels.Select(label => label.Present == true).ToImmutableArray()
            : MostProbable(labels))];

    /// <summary>Says how honest probabilities are on test responses with this calibration and without.</summary>
    internal ItemCalibration JudgedOn(Item item, Tensor logits, ImmutableArray<LabelledResponse> test) => test.IsEmpty ? this : this with
    {
        Before = CalibrationQuality.Of(item, Calibration.None(item), logits, test),
        After = CalibrationQuality.Of(item, Served, logits, test),
    };

    internal static IEnumerable<ImmutableArray<LabelProbability>> Score(Item item, Calibration calibration, Tensor logits)
    {
        var scale = new ScoreScale(item, calibration);
        return logits.Values.Chunk(item.Labels.Length).Select(row => scale.Score(row).Labels);
    }

    // The first of equals, as the score scale takes it.
    static ImmutableArray<bool> MostProbable(ImmutableArray<LabelProbability> labels)
    {
        var best = labels.IndexOf(labels.MaxBy(label => label.Probability)!);
        return [.. labels.Select((_, label) => label == best)];
    }
}
