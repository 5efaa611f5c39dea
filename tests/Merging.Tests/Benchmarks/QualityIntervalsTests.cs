using System.Collections.Immutable;
using ScoringService.Benchmarks;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Benchmarks;

public sealed class QualityIntervalsTests
{
    const int Responses = 60;

    static readonly ImmutableArray<ItemData> Items = [Item("a", 1), Item("b", 2)];

    [Fact]
    public void A_model_that_is_always_right_is_so_in_every_resample() =>
        Assert.All(new QualityIntervals(Items).MeanQwk(Points(wrong: 0)), qwk => Assert.Equal(1, qwk, 1e-12));

    [Fact]
    public void The_interval_of_the_gain_holds_the_gain_and_is_the_same_every_time()
    {
        static Interval Gain()
        {
            var intervals = new QualityIntervals(Items);
            return QualityIntervals.RecoveredGain([(intervals.MeanQwk(Points(5)), intervals.MeanQwk(Points(2)), intervals.MeanQwk(Points(15)))]);
        }

        var gain = Gain();

        Assert.True(gain.Low < gain.High, $"{gain}");
        Assert.InRange(10.0 / 13, gain.Low, gain.High);
        Assert.Equal(gain, Gain());
    }

    [Fact]
    public void A_difference_is_paired()
    {
        var intervals = new QualityIntervals(Items);
        double[] better = intervals.MeanQwk(Points(5)), worse = intervals.MeanQwk(Points(15));

        Assert.Equal(new Interval(0, 0), QualityIntervals.Difference([(better, better)]));
        // What is wrong in the better model is wrong in the other as well: no resample can turn them round.
        Assert.True(QualityIntervals.Difference([(better, worse)]).Low > 0);
    }

    static Dictionary<string, double[]> Points(int wrong) => Items.ToDictionary(data => data.Item.Id, data => data.Test
        .Select((response, number) => number < wrong != response.Labels[1] ? 1.0 : 0).ToArray());

    static ItemData Item(string id, int seed)
    {
        var random = new Random(seed);
        var item = new Item { Id = id, Scoring = ScoringKind.MultiClass, Labels = ["0", "1"], Points = [0, 1] };
        return new(item, [], [], [.. Enumerable.Range(0, Responses).Select(number =>
        {
            var holds = random.Next(2) == 1;
            return new LabelledResponse($"{number}", "", [!holds, holds]);
        })]);
    }
}
