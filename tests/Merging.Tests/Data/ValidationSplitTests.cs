using System.Collections.Immutable;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Data;

public sealed class ValidationSplitTests
{
    [Fact]
    public void A_tenth_is_set_aside_from_every_label_combination_and_none_is_used_up()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var labels = random.Next(1, 5);
            ImmutableArray<LabelledResponse> all = [.. Enumerable.Range(0, random.Next(1, 400)).Select(i =>
                new LabelledResponse($"{i}", "", [.. Enumerable.Range(0, labels).Select(_ => random.Next(4) == 0)]))];

            var (train, validation) = ValidationSplit.HoldOut(all);

            Assert.True(
                train.Concat(validation).OrderBy(row => int.Parse(row.Id, provider: null)).SequenceEqual(all), $"seed {seed}: not a partition");
            Assert.True(IsInOrder(train) && IsInOrder(validation), $"seed {seed}: order lost");
            foreach (var stratum in all.GroupBy(Combination))
            {
                var taken = validation.Count(row => Combination(row) == stratum.Key);
                Assert.True(Math.Abs(taken - (stratum.Count() / 10.0)) < 1 && taken < stratum.Count(), $"seed {seed}: {taken} of {stratum.Count()}");
            }
        }
    }

    [Fact]
    public void The_same_responses_are_split_the_same_way()
    {
        ImmutableArray<LabelledResponse> all = [.. Enumerable.Range(0, 50).Select(i => new LabelledResponse($"{i}", "", [i % 3 == 0, i % 3 != 0]))];

        Assert.Equal(ValidationSplit.HoldOut(all).Validation.Select(row => row.Id), ValidationSplit.HoldOut(all).Validation.Select(row => row.Id));
        Assert.Equal(5, ValidationSplit.HoldOut(all).Validation.Length);
    }

    static string Combination(LabelledResponse row) => string.Join(',', row.Labels);

    static bool IsInOrder(ImmutableArray<LabelledResponse> rows) =>
        rows.Select(row => int.Parse(row.Id, provider: null)) is var ids && ids.SequenceEqual(ids.Order());
}
