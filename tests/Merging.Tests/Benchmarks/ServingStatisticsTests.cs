using ScoringService.Benchmarks.Serving;

namespace ScoringService.Merging.Tests.Benchmarks;

public sealed class ServingStatisticsTests
{
    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    public void A_percentile_is_the_smallest_latency_that_its_share_does_not_exceed(double share, double expected)
    {
        var latencies = new Latencies();
        foreach (var latency in Enumerable.Range(1, 100).Reverse())
            latencies.Add(latency);

        Assert.Equal(expected, latencies.Percentile(share));
    }

    [Fact]
    public void A_latency_added_later_counts()
    {
        var latencies = new Latencies();
        latencies.Add(2);
        var before = latencies.Longest;
        latencies.Add(1);

        Assert.Equal((2.0, 1.0), (before, latencies.Median));
    }

    [Fact]
    public void Of_no_latencies_there_is_no_percentile() => Assert.Null(new Latencies().Median);

    [Fact]
    public void Arrivals_come_at_their_rate_with_pauses_as_irregular_as_a_Poisson_process_has()
    {
        const int seed = 7, count = 20_000;
        const double perSecond = 250;
        var times = Arrivals.Poisson(perSecond, seed).Take(count).Select(time => time.TotalSeconds).ToArray();
        var pauses = times.Skip(1).Zip(times, (later, earlier) => later - earlier).ToArray();
        var mean = pauses.Average();
        var deviation = Math.Sqrt(pauses.Average(pause => (pause - mean) * (pause - mean)));

        // Mean and standard deviation of exponential pauses are equal; of 20,000 they are found within 3 %, four standard errors.
        Assert.InRange(mean * perSecond, .97, 1.03);
        Assert.InRange(deviation * perSecond, .97, 1.03);
    }

    [Fact]
    public void The_same_seed_gives_the_same_arrivals() =>
        Assert.Equal(Arrivals.Poisson(100, seed: 3).Take(50), Arrivals.Poisson(100, seed: 3).Take(50));

    [Theory]
    [InlineData(new[] { 3.0, 1, 2 }, 2)]
    [InlineData(new[] { 4.0, 1, 2, 3 }, 2.5)]
    public void The_median_lies_in_the_middle(double[] values, double expected) => Assert.Equal(expected, ServingTable.Median(values));

    [Fact]
    public void A_ratio_is_the_median_of_ratios_within_repetitions()
    {
        var table = new ServingTable();
        // The machine became slower between the repetitions; the ratio of medians would be 250 / 300.
        foreach (var (engine, http) in new[] { (400.0, 360.0), (300, 250), (100, 70) })
        {
            table.Add(ServingRows.RawEngine, new() { [ServingRows.Rate] = engine });
            table.Add(ServingRows.Mixed, new() { [ServingRows.Rate] = http });
        }

        var row = Assert.Single(table.Rows(), row => row["name"]!.GetValue<string>() == ServingRows.Mixed);
        Assert.Equal((250.0, .8333), (row[ServingRows.Rate]!.GetValue<double>(), row["ratio"]!.GetValue<double>()));
    }

    [Fact]
    public void A_row_asked_for_brings_the_rows_that_it_is_held_against() =>
        Assert.Superset(
            new HashSet<string> { ServingRows.HalfLoad, ServingRows.Idle, ServingRows.Mixed + ServingRows.Single, ServingRows.RawEngine },
            ServingRows.Named(ServingRows.HalfLoad).ToHashSet());
}
