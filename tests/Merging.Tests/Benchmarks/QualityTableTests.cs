using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Benchmarks;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Benchmarks;

public sealed class QualityTableTests
{
    static readonly Dictionary<string, ScoredItem> Own = Scores(("a", 0.9), ("b", 0.7));
    static readonly Dictionary<string, ScoredItem> FrozenBase = Scores(("a", 0.5), ("b", 0.5));

    readonly QualityTable table = new("1.0", "data");

    [Fact]
    public void A_row_has_an_entry_for_each_item_and_one_for_their_mean()
    {
        Put("ties", seed: 0, "r", 0.8, 0.6);

        Assert.Equal(["a", "b", "all"], table.Measured.Select(row => QualityTable.Text(row, "item")));
        var all = table.Measured.Last();
        Assert.Equal(0.7, QualityTable.Number(all, "qwk")!.Value, 1e-12);
        // (.7 − .5) / (.8 − .5)
        Assert.Equal(2.0 / 3, QualityTable.Number(all, "recoveredGain")!.Value, 1e-12);
        Assert.Equal(20, QualityTable.Number(all, "n"));
    }

    [Fact]
    public void Items_that_a_plan_leaves_alone_do_not_count_among_the_merged()
    {
        table.Put("gw-smm", 0, "r", new(Scores(("a", 0.8), ("b", 0.7)), ["a"], 2, 10, 5, 1), Own, FrozenBase);

        var merged = Assert.Single(table.Measured, row => QualityTable.Text(row, "item") == QualityTable.MergedOnly);
        Assert.Equal(0.8, QualityTable.Number(merged, "qwk")!.Value, 1e-12);
        Assert.Equal(0.75, QualityTable.Number(merged, "recoveredGain")!.Value, 1e-12);
        Assert.Equal(10, QualityTable.Number(merged, "n"));
    }

    [Fact]
    public void What_was_written_is_taken_over_as_it_was()
    {
        Put("ties", 0, "r", 0.8, 0.6);
        var resumed = new QualityTable("1.0", "data");

        Assert.Equal(0, resumed.TakeOver(Written()));

        Assert.Equal(Json(table.Measured), Json(resumed.Measured));
        Assert.True(resumed.Has("ties", 0, "r"));
        Assert.Equal("r", resumed.RecipeOf("ties", 0));
    }

    [Theory]
    [InlineData("ties", 1, "r")]
    [InlineData("ties", 0, "changed")]
    [InlineData("awd", 0, "r")]
    public void Another_seed_recipe_or_name_is_yet_to_be_measured(string name, int seed, string recipe)
    {
        Put("ties", 0, "r", 0.8, 0.6);

        Assert.False(table.Has(name, seed, recipe));
    }

    [Theory]
    [InlineData("1.1", "data")]
    [InlineData("1.0", "other")]
    public void Rows_of_another_version_or_other_data_are_left_out(string version, string data)
    {
        Put("ties", 0, "r", 0.8, 0.6);
        var resumed = new QualityTable(version, data);

        Assert.Equal(3, resumed.TakeOver(Written()));
        Assert.Empty(resumed.Measured);
    }

    [Fact]
    public void Measuring_again_replaces_all_entries_of_that_row_and_seed()
    {
        table.Put("ties", 0, "r", new(Scores(("a", 0.8), ("b", 0.7)), ["a"], 2, 10, 5, 1), Own, FrozenBase);
        Put("ties", 1, "r", 0.8, 0.6);
        Put("ties", 0, "changed", 0.9, 0.9);

        Assert.Equal(["0 a", "0 b", "0 all", "1 a", "1 b", "1 all"],
            table.Measured.Select(row => $"{QualityTable.Number(row, "seed")} {QualityTable.Text(row, "item")}"));
        Assert.Equal("changed", table.RecipeOf("ties", 0));
    }

    [Fact]
    public void A_recipe_that_was_measured_under_another_name_is_not_measured_again()
    {
        Put("gw-smm", 0, "r", 0.8, 0.6);

        Assert.False(table.TakeFromNamesake("plan/gw", 1, "r"));
        Assert.False(table.TakeFromNamesake("plan/gw", 0, "other"));
        Assert.True(table.TakeFromNamesake("plan/gw", 0, "r"));
        Assert.True(table.Has("gw-smm", 0, "r") && table.Has("plan/gw", 0, "r"));
        Assert.Equal(6, table.Measured.Count());
    }

    [Fact]
    public void Means_are_over_seeds_with_the_sample_deviation()
    {
        Put("ties", 0, "r", 0.8, 0.6);
        Put("ties", 1, "r", 0.7, 0.5);
        Put("ties", 2, "r", 0.9, 0.4);
        Put("once", 0, "s", 0.8, 0.6);

        var means = table.Means().ToArray();

        Assert.Equal(["a", "b", "all"], means.Select(row => QualityTable.Text(row, "item")));
        Assert.All(means, row => Assert.Equal(
            ("ties", "mean", 3.0), (QualityTable.Text(row, "name"), QualityTable.Text(row, "seed"), QualityTable.Number(row, "seeds"))));
        Assert.Equal(0.8, QualityTable.Number(means[0], "qwk")!.Value, 1e-12);
        Assert.Equal(0.1, QualityTable.Number(means[0], "qwkSd")!.Value, 1e-12);
        Assert.Equal("r", QualityTable.Text(means[0], "recipe"));
    }

    [Fact]
    public void What_one_seed_lacks_has_no_mean_and_a_recipe_that_differs_is_not_named()
    {
        table.Put("ties", 0, "r0", new(Scores(("a", 0.8), ("b", 0.6)), [], 1, 10, 5, Seconds: 3), Own, FrozenBase);
        table.Put("ties", 1, "r1", new(Scores(("a", 0.8), ("b", 0.6)), [], 1, 10, 5, Seconds: null), Own, FrozenBase);

        var mean = table.Means().First();

        Assert.Null(QualityTable.Number(mean, "seconds"));
        Assert.Null(QualityTable.Text(mean, "recipe"));
        Assert.Equal("data", QualityTable.Text(mean, "data"));
    }

    [Fact]
    public void Means_that_were_written_are_not_taken_for_measurements()
    {
        Put("ties", 0, "r", 0.8, 0.6);
        Put("ties", 1, "r", 0.7, 0.5);
        var resumed = new QualityTable("1.0", "data");

        resumed.TakeOver(Written());

        Assert.Equal(6, resumed.Measured.Count());
        Assert.Equal(Json(table.Means()), Json(resumed.Means()));
    }

    [Fact]
    public void Nothing_is_recovered_where_fine_tuning_gained_nothing() => Assert.Null(QualityTable.RecoveredGain(0.9, own: 0.5, frozenBase: 0.5));

    void Put(string name, int seed, string recipe, double a, double b) =>
        table.Put(name, seed, recipe, new(Scores(("a", a), ("b", b)), [], 1, 10, 5, 1), Own, FrozenBase);

    string Written() =>
        new JsonObject { ["rows"] = new JsonArray([.. table.Measured.Concat(table.Means()).Select(row => row.DeepClone())]) }.ToJsonString();

    static string[] Json(IEnumerable<JsonObject> rows) => [.. rows.Select(row => row.ToJsonString(JsonSerializerOptions.Default))];

    static Dictionary<string, ScoredItem> Scores(params (string Item, double Qwk)[] items) =>
        items.ToDictionary(item => item.Item, item => new ScoredItem(new(Metrics(item.Qwk), Metrics(item.Qwk)), []));

    static MetricSet Metrics(double qwk) =>
        new() { Accuracy = qwk, MacroF1 = qwk, MicroF1 = qwk, ExactMatch = qwk, PerLabelAccuracy = qwk, Qwk = qwk, Smd = null, N = 10 };
}
