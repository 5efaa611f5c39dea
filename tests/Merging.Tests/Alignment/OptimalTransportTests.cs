using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Tests.Alignment;

public sealed class OptimalTransportTests
{
    [Fact]
    public void Small_assignments_are_as_cheap_as_the_best_of_all_permutations()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var n = random.Next(1, 7);
            var cost = RandomCost(random, n, n);
            var best = Permutations([.. Enumerable.Range(0, n)]).Min(columns => columns.Select((column, row) => cost[row, column]).Sum()) / n;

            Assert.True(Math.Abs(Cost(Solve(cost), cost) - best) <= 1e-12, $"seed {seed}");
        }
    }

    [Fact]
    public void Plans_have_uniform_marginals_and_no_cheaper_cycle_whatever_the_shape_and_the_ties()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var cost = RandomCost(random, random.Next(1, 25), random.Next(1, 25));
            var plan = Solve(cost);

            for (var i = 0; i < cost.Rows; i++)
                Assert.True(Math.Abs(plan.Where(part => part.Row == i).Sum(part => part.Mass) - (1.0 / cost.Rows)) < 1e-14, $"seed {seed}, row {i}");
            for (var j = 0; j < cost.Columns; j++)
                Assert.True(
                    Math.Abs(plan.Where(part => part.Column == j).Sum(part => part.Mass) - (1.0 / cost.Columns)) < 1e-14, $"seed {seed}, column {j}");
            Assert.True(!HasNegativeCycle(cost, plan), $"seed {seed}");
        }
    }

    [Fact]
    public void A_solver_that_has_solved_one_problem_solves_the_next_as_well()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            int n = random.Next(1, 15), m = random.Next(1, 15);
            var used = new OptimalTransport(n, m);
            var plan = new List<TransportedMass>();
            for (var problem = 0; problem < 5; problem++)
            {
                var cost = RandomCost(random, n, m);
                used.Solve(cost, plan);
                Assert.True(Math.Abs(Cost(plan, cost) - Cost(Solve(cost), cost)) < 1e-12, $"seed {seed}, problem {problem}");
            }
        }
    }

    static List<TransportedMass> Solve(Matrix cost)
    {
        var plan = new List<TransportedMass>();
        new OptimalTransport(cost.Rows, cost.Columns).Solve(cost, plan);
        return plan;
    }

    static double Cost(List<TransportedMass> plan, Matrix cost) => plan.Sum(part => part.Mass * cost[part.Row, part.Column]);

    // Every second problem has few distinct costs, so that most plans tie.
    static Matrix RandomCost(Random random, int rows, int columns)
    {
        var tied = random.Next(2) == 0;
        var cost = new Matrix(rows, columns);
        foreach (ref var value in cost.Values)
            value = tied ? random.Next(-2, 3) : random.NextDouble() - 0.5;
        return cost;
    }

    static IEnumerable<int[]> Permutations(int[] values) => values.Length <= 1
        ? [values]
        : values.SelectMany(first => Permutations([.. values.Where(value => value != first)]).Select(rest => (int[])[first, .. rest]));

    // A plan is optimal if and only if its residual graph (row → column at the cost, column → row at minus the cost where mass flows) has no
    // negative cycle.
    static bool HasNegativeCycle(Matrix cost, List<TransportedMass> plan)
    {
        double[] rows = new double[cost.Rows], columns = new double[cost.Columns];
        for (var round = 0; round <= cost.Rows + cost.Columns; round++)
        {
            var changed = false;
            for (var i = 0; i < cost.Rows; i++)
            {
                for (var j = 0; j < cost.Columns; j++)
                {
                    if (rows[i] + cost[i, j] < columns[j] - 1e-12)
                        (columns[j], changed) = (rows[i] + cost[i, j], true);
                }
            }
            foreach (var (row, column, _) in plan)
            {
                if (columns[column] - cost[row, column] < rows[row] - 1e-12)
                    (rows[row], changed) = (columns[column] - cost[row, column], true);
            }
            if (!changed)
                return false;
        }
        return true;
    }
}
