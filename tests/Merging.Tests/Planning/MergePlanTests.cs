using ScoringService.Merging.Planning;

namespace ScoringService.Merging.Tests.Planning;

public sealed class MergePlanTests
{
    [Fact]
    public void Groups_and_items_are_shown_in_the_order_of_the_items()
    {
        var plan = MergePlan.Of([["d", "b"], ["c", "a"]], ["a", "b", "c", "d"]);

        Assert.Equal<string>(["a", "c"], plan.Groups[0]);
        Assert.Equal<string>(["b", "d"], plan.Groups[1]);
    }

    [Fact]
    public void Only_items_in_groups_of_several_count_as_merged()
    {
        Assert.Equal(["a", "c"], MergePlan.Of([["a", "c"], ["b"]], ["a", "b", "c"]).MergedItems);
        Assert.Empty(MergePlan.Separate(["a", "b"]).MergedItems);
        Assert.Equal(1, MergePlan.Together(["a", "b"]).Encoders);
    }

    [Fact]
    public void Groups_that_are_no_partition_are_refused_with_what_to_change()
    {
        Refuses("names 'x'", [["a"], ["b", "x"]]);
        Refuses("'a' is in more than one", [["a"], ["a", "b"]]);
        Refuses("'a' is in more than one", [["a", "a", "b"]]);
        Refuses("No group holds b", [["a"]]);
        Refuses("Group 1 is empty", [["a", "b"], []]);

        static void Refuses(string reason, string[][] groups) =>
            Assert.Contains(reason, Assert.Throws<MergePlanException>(() => MergePlan.Of(groups, ["a", "b"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_of_nothing_is_refused()
    {
        Assert.Throws<MergePlanException>(() => MergePlan.Separate([]));
        Assert.Throws<MergePlanException>(() => MergePlan.Together(["a", "a"]));
    }
}
