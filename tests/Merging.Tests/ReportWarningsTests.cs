using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Tests;

public sealed class ReportWarningsTests
{
    static readonly FloorRecipe Floor = new() { MaxDrop = .02 };

    [Fact]
    public void An_item_that_is_served_well_needs_no_warning() => Assert.Empty(ReportWarnings.Of([Item()], Floor));

    [Fact]
    public void Each_thing_that_is_wrong_has_a_sentence()
    {
        Warns(Item(served: .74, frozenBase: .75), "i is served worse than by the base model without any merge: QWK 0.740 against 0.750 on test responses.");
        Warns(Item(smd: .151), "i is scored too high on average: a standardized mean difference of 0.15 on test responses, beyond 0.15.");
        Warns(Item(smd: -.4), "i is scored too low on average: a standardized mean difference of -0.40 on test responses, beyond 0.15.");
        Warns(Item(served: .699), "i agrees with people's scores by a QWK of 0.699 only; 0.70 is commonly asked for.");
        Warns(Item(holdsFloor: false), "i breaches the floor and was kept, as the recipe says: Qwk 0.800 on validation responses, 0.900 by its own model, "
            + "and a drop of 0.02 allowed.");
        Warns(Item(validationResponses: 19), "i has 19 validation responses; below 20 nothing is calibrated, and what a floor or a choice reads from "
            + "them is chance.");
    }

    static void Warns(ItemReport item, string sentence) => Assert.Equal(sentence, Assert.Single(ReportWarnings.Of([item], Floor)));

    static ItemReport Item(double served = .8, double frozenBase = .6, double smd = .05, bool holdsFloor = true, int validationResponses = 85) => new()
    {
        ItemId = "i",
        Encoder = "e0",
        Merged = true,
        HoldsFloor = holdsFloor,
        Own = new(Metrics(.9), Metrics(.9)),
        FrozenBase = new(Metrics(frozenBase), Metrics(frozenBase)),
        Served = new(Metrics(.8), Metrics(served) with { Smd = smd }),
        Calibration = new(new() { Temperature = 1, Thresholds = [] }, validationResponses),
    };

    internal static MetricSet Metrics(double qwk) => new()
    {
        Accuracy = qwk, MacroF1 = qwk, MicroF1 = qwk, ExactMatch = qwk, PerLabelAccuracy = qwk, Qwk = qwk, Smd = 0, N = 100,
    };
}
