using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Methods;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

public sealed class AwdTests
{
    const double Alpha = .1;
    const double Beta = .01;

    /// <summary>The task vectors of the algorithm brief's §5, whose numbers finite differences confirm.</summary>
    static readonly double[][] Worked = [[1, 1, 0], [1, -.5, 1], [0, 1, 1]];

    [Fact]
    public void Without_a_redundant_vector_the_gradient_is_the_worked_one()
    {
        var (overlap, norm, gradient) = new Disentanglement(Gram(Worked), Alpha).Evaluate(new double[3]);

        Assert.Equal(.3238015, overlap, 1e-7);
        Assert.Equal(0, norm);
        AssertNear([-.4456164, -.2801529, -.4456164], Combined(gradient, Worked), 1e-7);
    }

    [Fact]
    public void At_a_redundant_vector_objective_and_gradient_are_the_worked_ones()
    {
        double[] shares = [.02, .08, .22];
        AssertNear([.1, .2, .3], Combined(shares, Worked), 1e-12);

        var (overlap, norm, gradient) = new Disentanglement(Gram(Worked), Alpha).Evaluate(shares);

        Assert.Equal(.1309012, overlap, 1e-7);
        Assert.Equal(.3741657, norm, 1e-7);
        Assert.Equal(.1683178, overlap + (Alpha * norm), 1e-7);
        AssertNear([-.2825239, -.2287188, .3008866], Combined(gradient, Worked), 1e-7);
    }

    [Fact]
    public void The_descent_ends_at_the_worked_redundant_vector()
    {
        var objective = new Disentanglement(Gram(Worked), Alpha);
        var shares = objective.Descend(Beta, 300);
        var (overlap, norm, _) = objective.Evaluate(shares);

        AssertNear([.18671, .45067, .18671], Combined(shares, Worked), 1e-5);
        Assert.Equal(.0063, overlap, 1e-5);
        Assert.Equal(.058535, overlap + (Alpha * norm), 1e-6);
    }

    /// <summary>θ₀ + λ(Σ τᵢ − 3δ), with the worked δ.</summary>
    [Fact]
    public void The_redundant_vector_is_found_over_all_tensors_and_taken_out_of_the_merge()
    {
        var models = ById([.. Worked.Select((task, i) => Model($"{i}", Split(task, 2)))]);

        var merged = Merge.Combine(new Awd { Lambda = .3 }, Split([0, 0, 0], 2), ["0", "1", "2"], models);

        AssertClose([2.43196f], merged["a"].Values, 1e-5f);
        AssertClose([2.0444f, 2.43196f], merged["b"].Values, 1e-5f);

        static Dictionary<string, Tensor> Split(double[] values, float origin) => new()
        {
            ["b"] = Vector([.. values[1..].Select(value => (float)value + origin)]),
            ["a"] = Vector((float)values[0] + origin),
        };
    }

    [Fact]
    public void Descending_in_coefficients_is_descending_in_the_vector()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var tasks = Random(new Random(seed));
            var expected = Descended(tasks, steps: 50);

            var shares = new Disentanglement(Gram(tasks), Alpha).Descend(Beta, 50);

            Assert.True(Combined(shares, tasks).Zip(expected).All(pair => Math.Abs(pair.First - pair.Second) < 1e-9), $"seed {seed}");
        }
    }

    [Fact]
    public void Overlap_and_objective_never_end_higher_than_they_began()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var tasks = Random(new Random(seed));
            var objective = new Disentanglement(Gram(tasks), Alpha);
            var before = objective.Evaluate(new double[tasks.Length]);
            var after = objective.Evaluate(objective.Descend(.001, 300));

            Assert.True(after.Overlap <= before.Overlap + 1e-9, $"seed {seed}: {before.Overlap} to {after.Overlap}");
            Assert.True(after.Overlap + (Alpha * after.Norm) <= before.Overlap + 1e-9, $"seed {seed}");
        }
    }

    [Fact]
    public void Orthogonal_equal_or_unchanged_models_have_nothing_redundant()
    {
        float[][][] groups = [[[1, 0, 0], [0, 2, 0], [0, 0, 3]], [[1, 2, 3], [1, 2, 3], [1, 2, 3]], [[1, 2, 3], [0, 0, 0], [0, 0, 0]]];
        foreach (var group in groups)
        {
            var models = ById([.. group.Select((task, i) => Model($"{i}", Encoder(task)))]);
            AssertClose(
                Merge.Combine(new TaskArithmetic(), Encoder(0, 0, 0), ["0", "1", "2"], models)["w"].Values,
                Merge.Combine(new Awd(), Encoder(0, 0, 0), ["0", "1", "2"], models)["w"].Values);
        }
    }

    [Fact]
    public void No_steps_leave_task_arithmetic()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            AssertClose(
                Merge.Combine(new TaskArithmetic(), start, group, models),
                Merge.Combine(new Awd { Iterations = 0 }, start, group, models), 1e-6f, seed);
        }
    }

    static double[][] Random(Random random)
    {
        var size = random.Next(5, 40);
        return [.. Enumerable.Range(0, random.Next(2, 8)).Select(_ => Enumerable.Range(0, size).Select(_ => random.NextDouble() - .3).ToArray())];
    }

    /// <summary>Algorithm 1 as it is written, on the whole vector.</summary>
    static double[] Descended(double[][] tasks, int steps)
    {
        var redundant = new double[tasks[0].Length];
        for (var step = 0; step < steps; step++)
        {
            double[][] v = [.. tasks.Select(task => task.Zip(redundant, (t, d) => t - d).ToArray())];
            var norm = Math.Sqrt(Dot(redundant, redundant));
            double[] gradient = [.. redundant.Select(d => norm == 0 ? 0 : Alpha * d / norm)];
            for (var i = 0; i < v.Length; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    var (ni, nj) = (Math.Sqrt(Dot(v[i], v[i])), Math.Sqrt(Dot(v[j], v[j])));
                    var cosine = Dot(v[i], v[j]) / (ni * nj);
                    var weight = Math.Sign(cosine) * 2.0 / (v.Length * (v.Length - 1));
                    for (var k = 0; k < gradient.Length; k++)
                    {
                        gradient[k] -= weight * (
                            ((v[i][k] + v[j][k]) / (ni * nj)) - (cosine * v[i][k] / (ni * ni)) - (cosine * v[j][k] / (nj * nj)));
                    }
                }
            }
            for (var k = 0; k < gradient.Length; k++)
                redundant[k] -= Beta * gradient[k];
        }
        return redundant;
    }

    static double Dot(double[] left, double[] right) => left.Zip(right, (x, y) => x * y).Sum();

    static Matrix Gram(double[][] tasks)
    {
        var gram = new Matrix(tasks.Length, tasks.Length);
        for (var i = 0; i < tasks.Length; i++)
        {
            for (var j = 0; j < tasks.Length; j++)
                gram[i, j] = Dot(tasks[i], tasks[j]);
        }
        return gram;
    }

    static double[] Combined(double[] shares, double[][] tasks) =>
        [.. Enumerable.Range(0, tasks[0].Length).Select(k => shares.Zip(tasks, (share, task) => share * task[k]).Sum())];

    static void AssertNear(double[] expected, double[] actual, double tolerance) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
}
