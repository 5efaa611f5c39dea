using System.Numerics;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Alignment;

/// <summary>Mass that a transport plan moves from a row to a column.</summary>
readonly record struct TransportedMass(int Row, int Column, double Mass);

/// <summary>
/// Exact linear optimal transport between two uniform distributions: the plan G ≥ 0 with row sums 1/rows and column sums 1/columns that minimizes
/// ⟨cost, G⟩, by the primal network simplex method on the spanning trees of the bipartite graph (Ahuja, Magnanti and Orlin 1993, ch. 11). Keep one
/// solver for a series of problems: each starts from the last one's optimal tree, which stays feasible because only the costs change.
/// </summary>
/// <remarks>
/// Assignment problems are so degenerate that the method could cycle. Flows are therefore integers of a perturbed problem: every row supplies one
/// unit more than its <c>Scale</c>-fold share and the last column takes these units. No set of rows then matches a set of columns but all of both,
/// so every tree carries positive flow everywhere and every pivot lowers the cost. The perturbation of an arc is less than half of <c>Scale</c>:
/// rounding takes it out.
/// </remarks>
sealed class OptimalTransport
{
    const int None = -1;

    // A reduced cost above −RelativeTolerance · max |cost| counts as zero: potentials are sums of up to rows + columns costs, each rounded.
    const double RelativeTolerance = 1e-12;

    readonly int rows;
    readonly int columns;
    readonly long scale;
    readonly long rowShare;
    readonly long columnShare;
    readonly double[] reduced;

    // The spanning tree. Nodes are the rows, then the columns; node 0 is the root. The arc of a node leads to its parent.
    readonly int[] parent;
    readonly int[] firstChild;
    readonly int[] next;
    readonly int[] previous;
    readonly int[] depth;
    readonly long[] flow;
    readonly double[] potential;
    bool hasTree;

    public OptimalTransport(int rows, int columns)
    {
        var divisor = (int)BigInteger.GreatestCommonDivisor(rows, columns);
        (this.rows, this.columns, rowShare, columnShare) = (rows, columns, columns / divisor, rows / divisor);
        scale = (2L * rows) + 1;
        reduced = new double[columns];
        var nodes = rows + columns;
        (parent, firstChild, next, previous, depth) = (new int[nodes], new int[nodes], new int[nodes], new int[nodes], new int[nodes]);
        (flow, potential) = (new long[nodes], new double[nodes]);
    }

    /// <summary>Replaces the content of <paramref name="plan"/> by an optimal plan for <paramref name="cost"/>.</summary>
    public void Solve(Matrix cost, List<TransportedMass> plan)
    {
        if (!hasTree)
            StartFromCheapestArcs(cost);
        SetPotentials(0, cost);
        var tolerance = RelativeTolerance * Math.Abs(TensorPrimitives.MaxMagnitude<double>(cost.Values));
        for (int row = 0, clean = 0; clean < rows; row = row + 1 == rows ? 0 : row + 1)
        {
            TensorPrimitives.Subtract(cost.Row(row), potential.AsSpan(rows), reduced);
            var column = TensorPrimitives.IndexOfMin<double>(reduced);
            if (reduced[column] - potential[row] < -tolerance)
            {
                Pivot(row, rows + column, cost);
                clean = 0;
            }
            else
            {
                clean++;
            }
        }
        Read(plan);
    }

    bool IsRow(int node) => node < rows;

    (int Row, int Column) Arc(int node) => IsRow(node) ? (node, parent[node] - rows) : (parent[node], node - rows);

    void Read(List<TransportedMass> plan)
    {
        plan.Clear();
        var unit = 1.0 / (rows * (double)rowShare);
        for (var node = 1; node < parent.Length; node++)
        {
            var units = (flow[node] + (scale / 2)) / scale;
            if (units == 0)
                continue;
            var (row, column) = Arc(node);
            plan.Add(new TransportedMass(row, column, units * unit));
        }
    }

    /// <summary>Brings the arc from <paramref name="row"/> to <paramref name="column"/> (both nodes) into the tree.</summary>
    void Pivot(int row, int column, Matrix cost)
    {
        // Along the cycle that the arc closes, flow falls on the arcs of rows on the row's side and of columns on the column's side, and rises on
        // the others.
        var leaving = None;
        var rowSide = false;
        for (int a = row, b = column; a != b;)
        {
            if (depth[a] >= depth[b])
            {
                if (IsRow(a) && (leaving == None || flow[a] < flow[leaving]))
                    (leaving, rowSide) = (a, true);
                a = parent[a];
            }
            else
            {
                if (!IsRow(b) && (leaving == None || flow[b] < flow[leaving]))
                    (leaving, rowSide) = (b, false);
                b = parent[b];
            }
        }
        var amount = flow[leaving];
        for (int a = row, b = column; a != b;)
        {
            if (depth[a] >= depth[b])
            {
                flow[a] += IsRow(a) ? -amount : amount;
                a = parent[a];
            }
            else
            {
                flow[b] += IsRow(b) ? amount : -amount;
                b = parent[b];
            }
        }

        // The part of the tree below the leaving arc is hung up again by the entering one.
        var (top, host) = rowSide ? (row, column) : (column, row);
        for (var (node, flow) = (top, amount); ;)
        {
            var (above, carried) = (parent[node], this.flow[node]);
            Unlink(node);
            Link(node, host, flow);
            if (node == leaving)
                break;
            (host, node, flow) = (node, above, carried);
        }
        SetPotentials(top, cost);
    }

    /// <summary>Makes the reduced costs of all tree arcs at and below <paramref name="top"/> zero, and sets the depths.</summary>
    void SetPotentials(int top, Matrix cost)
    {
        for (var node = top; ;)
        {
            if (parent[node] is not None and var above)
            {
                var (row, column) = Arc(node);
                potential[node] = cost[row, column] - potential[above];
                depth[node] = depth[above] + 1;
            }
            if (firstChild[node] != None)
            {
                node = firstChild[node];
                continue;
            }
            while (node != top && next[node] == None)
                node = parent[node];
            if (node == top)
                return;
            node = next[node];
        }
    }

    void Link(int node, int parent, long flow)
    {
        (this.parent[node], this.flow[node]) = (parent, flow);
        (previous[node], next[node]) = (None, firstChild[parent]);
        if (next[node] != None)
            previous[next[node]] = node;
        firstChild[parent] = node;
    }

    void Unlink(int node)
    {
        if (previous[node] == None)
            firstChild[parent[node]] = next[node];
        else
            next[previous[node]] = next[node];
        if (next[node] != None)
            previous[next[node]] = previous[node];
    }

    /// <summary>A first tree: row after row takes its cheapest columns that still have room.</summary>
    void StartFromCheapestArcs(Matrix cost)
    {
        var room = new long[columns];
        Array.Fill(room, columnShare * scale);
        room[^1] += rows;
        var arcs = new List<(int Node, long Flow)>[rows + columns];
        for (var node = 0; node < arcs.Length; node++)
            arcs[node] = [];
        var price = new double[columns];
        for (var row = 0; row < rows; row++)
        {
            cost.Row(row).CopyTo(price);
            for (var left = (rowShare * scale) + 1; left > 0;)
            {
                var column = TensorPrimitives.IndexOfMin<double>(price);
                price[column] = double.PositiveInfinity;
                var flow = Math.Min(left, room[column]);
                if (flow == 0)
                    continue;
                arcs[row].Add((rows + column, flow));
                arcs[rows + column].Add((row, flow));
                (left, room[column]) = (left - flow, room[column] - flow);
            }
        }

        Array.Fill(firstChild, None);
        parent[0] = None;
        var reached = new Queue<int>([0]);
        while (reached.TryDequeue(out var node))
        {
            foreach (var (neighbour, flow) in arcs[node])
            {
                if (neighbour == parent[node])
                    continue;
                Link(neighbour, node, flow);
                reached.Enqueue(neighbour);
            }
        }
        hasTree = true;
    }
}
