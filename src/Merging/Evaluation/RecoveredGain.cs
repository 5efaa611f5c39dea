namespace ScoringService.Merging.Evaluation;

/// <summary>
/// How much of what fine-tuning gained a merge keeps: (served − frozen base) / (own − frozen base). 0: not better than no merge at all; 1: as good
/// as the models themselves.
/// </summary>
static class RecoveredGain
{
    /// <summary>The gain in one metric; null where fine-tuning gained nothing, or one of the three was not measured.</summary>
    public static double? Of(MetricSet? own, MetricSet? frozenBase, MetricSet? served, Func<MetricSet, double> metric) =>
        own is null || frozenBase is null || served is null || metric(own) <= metric(frozenBase)
            ? null
            : (metric(served) - metric(frozenBase)) / (metric(own) - metric(frozenBase));
}
