using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Training;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

public sealed class TiesTests
{
    static readonly float[][] Worked = [[.9f, -.1f, .2f, -.8f, .05f], [-.3f, .7f, .25f, -.6f, .02f], [.4f, .6f, -.5f, .1f, -.01f]];

    /// <summary>GW-SMM's operator, worked by hand with k = 0.4, λ = 0.5.</summary>
    [Fact]
    public void TIES_by_tensor_gives_the_worked_numbers() =>
        AssertClose([.45f, .325f, -.25f, -.35f, 0], Merged(new Ties { Density = .4, Lambda = .5 }, Worked));

    /// <summary>The algorithm brief's §4.3: of five values, k = 0.4 keeps three.</summary>
    [Theory]
    [InlineData(DisjointMerge.Sum, new[] { 1.3f, 1.3f, -.5f, -1.4f, 0 })]
    [InlineData(DisjointMerge.Mean, new[] { .65f, .65f, -.5f, -.7f, 0 })]
    [InlineData(DisjointMerge.Max, new[] { .9f, .7f, -.5f, -.8f, 0 })]
    public void TIES_by_model_gives_the_worked_numbers(DisjointMerge merge, float[] expected) =>
        AssertClose(expected, Merged(new Ties { Scope = TrimScope.Model, Density = .4, Merge = merge }, Worked));

    [Fact]
    public void A_model_is_trimmed_as_if_it_were_one_tensor()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            var (start, models, group) = Models.Random(random);
            var method = new Ties { Scope = TrimScope.Model, Density = 1 - random.NextDouble(), Merge = (DisjointMerge)random.Next(3) };

            var merged = Merge.Combine(method, start, group, models);
            var joinedModels = ById([.. models.Values.Select(model => Model(model.Item.Id, Joined(model.Encoder)))]);
            var joined = Merge.Combine(method, Joined(start), group, joinedModels);

            AssertClose(Joined(merged), joined, 0, seed);
        }

        static Dictionary<string, Tensor> Joined(IReadOnlyDictionary<string, Tensor> encoder) =>
            Encoder([.. encoder.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).SelectMany(tensor => tensor.Value.Values)]);
    }

    [Fact]
    public void Changes_that_cancel_out_take_the_majoritys_sign_only_when_the_whole_model_is_trimmed()
    {
        float[][] tasks = [[1, 2, 3], [-1, 2, 3]];

        AssertClose([1, 4, 6], Merged(new Ties { Scope = TrimScope.Model, Density = 1, Merge = DisjointMerge.Sum }, tasks));
        AssertClose([0, 4, 6], Merged(new Ties { Scope = TrimScope.Tensor, Density = 1, Merge = DisjointMerge.Sum }, tasks));
    }

    [Theory]
    [InlineData(TrimScope.Tensor)]
    [InlineData(TrimScope.Model)]
    public void Opposite_task_vectors_leave_the_reference(TrimScope scope) =>
        AssertClose([0, 0], Merged(new Ties { Scope = scope, Density = 1 }, [1, -2], [-1, 2]));

    [Theory]
    [InlineData(TrimScope.Tensor, DisjointMerge.Mean)]
    [InlineData(TrimScope.Tensor, DisjointMerge.Sum)]
    [InlineData(TrimScope.Model, DisjointMerge.Mean)]
    [InlineData(TrimScope.Model, DisjointMerge.Max)]
    public void Untrimmed_the_only_model_that_changed_is_the_result(TrimScope scope, DisjointMerge merge) =>
        AssertClose([1, -2, 3], Merged(new Ties { Scope = scope, Merge = merge, Density = 1 }, [0, 0, 0], [1, -2, 3], [0, 0, 0]));

    [Fact]
    public void TIES_matches_its_definition_for_any_parameters()
    {
        for (var seed = 0; seed < 120; seed++)
        {
            var random = new Random(seed);
            var (start, models, group) = Models.Random(random);
            var method = new Ties
            {
                Density = 1 - random.NextDouble(),
                Lambda = random.NextDouble(),
                Merge = (DisjointMerge)random.Next(3),
                Scope = (TrimScope)random.Next(2),
            };
            var merged = Merge.Combine(method, start, group, models);
            string[][] parts = method.Scope == TrimScope.Model ? [["a", "b", "frozen"]] : [["a"], ["b"], ["frozen"]];
            foreach (var part in parts)
            {
                var reference = Flat(start, part);
                float[][] changes = [.. group.Select(id => Flat(models[id].Encoder, part).Zip(reference, (w, w0) => w - w0).ToArray())];
                var expected = Defined(method, changes).Zip(reference, (change, w0) => (float)(w0 + (method.Lambda * change)));
                AssertClose(Encoder([.. expected]), Encoder(Flat(merged, part)), 1e-6f, seed);
            }
        }

        static float[] Flat(IReadOnlyDictionary<string, Tensor> encoder, string[] part) => [.. part.SelectMany(name => encoder[name].Values)];
    }

    static IEnumerable<double> Defined(Ties method, float[][] changes)
    {
        var length = changes[0].Length;
        var keep = method.Scope == TrimScope.Tensor
            ? Math.Max(1, (int)Math.Ceiling(method.Density * length))
            : Math.Min(length, (int)(method.Density * length) + 1);
        float[][] trimmed = [.. changes.Select(change =>
        {
            var threshold = change.Select(Math.Abs).OrderDescending().ElementAt(keep - 1);
            return change.Select(value => Math.Abs(value) < threshold ? 0 : value).ToArray();
        })];
        int[] elected = [.. Enumerable.Range(0, length).Select(i => Math.Sign(trimmed.Sum(task => (double)task[i])))];
        var majority = method.Scope == TrimScope.Tensor ? 0 : Math.Sign(elected.Sum());
        return elected.Select((sign, i) =>
        {
            sign = sign == 0 ? majority : sign;
            double[] agreeing = [.. trimmed.Select(task => (double)task[i]).Where(value => value != 0 && Math.Sign(value) == sign)];
            return agreeing.Length == 0 ? 0 : method.Merge switch
            {
                DisjointMerge.Sum => agreeing.Sum(),
                DisjointMerge.Max => sign * agreeing.Max(Math.Abs),
                _ => agreeing.Average(),
            };
        });
    }

    /// <summary>The result for task vectors relative to zero.</summary>
    static float[] Merged(Ties method, params float[][] tasks)
    {
        ItemModel[] models = [.. tasks.Select((values, i) => Model($"{i}", Encoder(values)))];
        return Merge.Combine(method, Encoder(new float[tasks[0].Length]), [.. models.Select(model => model.Item.Id)], ById(models))["w"].Values;
    }
}
