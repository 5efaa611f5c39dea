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

    readonly int _rows;
    readonly int _columns;
    readonly long _scale;
    readonly long _rowShare;
    readonly long _columnShare;
    readonly double[] _reduced;

    // The spanning tree. Nodes are the rows, then the columns; node 0 is the root. The arc of a node leads to its parent.
    readonly int[] _parent;
    readonly int[] _firstChild;
    readonly int[] _next;
    readonly int[] _previous;
    readonly int[] _depth;
    readonly long[] _flow;
    readonly double[] _potential;
    bool _hasTree;

    public OptimalTransport(int rows, int columns)
    {
        var divisor = (int)BigInteger.GreatestCommonDivisor(rows, columns);
        (_rows, _columns, _rowShare, _columnShare) = (rows, columns, columns / divisor, rows / divisor);
        _scale = (2L * rows) + 1;
        _reduced = new double[columns];
        var nodes = rows + columns;
        (_parent, _firstChild, _next, _previous, _depth) = (new int[nodes], new int[nodes], new int[nodes], new int[nodes], new int[nodes]);
        (_flow, _potential) = (new long[nodes], new double[nodes]);
    }

    /// <summary>Replaces the content of <paramref name="plan"/> by an optimal plan for <paramref name="cost"/>.</summary>
    public void Solve(Matrix cost, List<TransportedMass> plan)
    {
        if (!_hasTree)
            StartFromCheapestArcs(cost);
        SetPotentials(0, cost);
        var tolerance = RelativeTolerance * Math.Abs(TensorPrimitives.MaxMagnitude<double>(cost.Values));
        for (int row = 0, clean = 0; clean < _rows; row = row + 1 == _rows ? 0 : row + 1)
        {
            TensorPrimitives.Subtract(cost.Row(row), _potential.AsSpan(_rows), _reduced);
            var column = TensorPrimitives.IndexOfMin<double>(_reduced);
            if (_reduced[column] - _potential[row] < -tolerance)
            {
                Pivot(row, _rows + column, cost);
                clean = 0;
            }
            else
            {
                clean++;
            }
        }
        Read(plan);
    }

    bool IsRow(int node) => node < _rows;

    (int Row, int Column) Arc(int node) => IsRow(node) ? (node, _parent[node] - _rows) : (_parent[node], node - _rows);

    void Read(List<TransportedMass> plan)
    {
        plan.Clear();
        var unit = 1.0 / (_rows * (double)_rowShare);
        for (var node = 1; node < _parent.Length; node++)
        {
            var units = (_flow[node] + (_scale / 2)) / _scale;
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
            if (_depth[a] >= _depth[b])
            {
                if (IsRow(a) && (leaving == None || _flow[a] < _flow[leaving]))
                    (leaving, rowSide) = (a, true);
                a = _parent[a];
            }
            else
            {
                if (!IsRow(b) && (leaving == None || _flow[b] < _flow[leaving]))
                    (leaving, rowSide) = (b, false);
                b = _parent[b];
            }
        }
        var amount = _flow[leaving];
        for (int a = row, b = column; a != b;)
        {
            if (_depth[a] >= _depth[b])
            {
                _flow[a] += IsRow(a) ? -amount : amount;
                a = _parent[a];
            }
            else
            {
                _flow[b] += IsRow(b) ? amount : -amount;
                b = _parent[b];
            }
        }

        // The part of the tree below the leaving arc is hung up again by the entering one.
        var (top, parent) = rowSide ? (row, column) : (column, row);
        for (var (node, flow) = (top, amount); ;)
        {
            var (above, carried) = (_parent[node], _flow[node]);
            Unlink(node);
            Link(node, parent, flow);
            if (node == leaving)
                break;
            (parent, node, flow) = (node, above, carried);
        }
        SetPotentials(top, cost);
    }

    /// <summary>Makes the reduced costs of all tree arcs at and below <paramref name="top"/> zero, and sets the depths.</summary>
    void SetPotentials(int top, Matrix cost)
    {
        for (var node = top; ;)
        {
            if (_parent[node] is not None and var parent)
            {
                var (row, column) = Arc(node);
                _potential[node] = cost[row, column] - _potential[parent];
                _depth[node] = _depth[parent] + 1;
            }
            if (_firstChild[node] != None)
            {
                node = _firstChild[node];
                continue;
            }
            while (node != top && _next[node] == None)
                node = _parent[node];
            if (node == top)
                return;
            node = _next[node];
        }
    }

    void Link(int node, int parent, long flow)
    {
        (_parent[node], _flow[node]) = (parent, flow);
        (_previous[node], _next[node]) = (None, _firstChild[parent]);
        if (_next[node] != None)
            _previous[_next[node]] = node;
        _firstChild[parent] = node;
    }

    void Unlink(int node)
    {
        if (_previous[node] == None)
            _firstChild[_parent[node]] = _next[node];
        else
            _next[_previous[node]] = _next[node];
        if (_next[node] != None)
            _previous[_next[node]] = _previous[node];
    }

    /// <summary>A first tree: row after row takes its cheapest columns that still have room.</summary>
    void StartFromCheapestArcs(Matrix cost)
    {
        var room = new long[_columns];
        Array.Fill(room, _columnShare * _scale);
        room[^1] += _rows;
        var arcs = new List<(int Node, long Flow)>[_rows + _columns];
        for (var node = 0; node < arcs.Length; node++)
            arcs[node] = [];
        var price = new double[_columns];
        for (var row = 0; row < _rows; row++)
        {
            cost.Row(row).CopyTo(price);
            for (var left = (_rowShare * _scale) + 1; left > 0;)
            {
                var column = TensorPrimitives.IndexOfMin<double>(price);
                price[column] = double.PositiveInfinity;
                var flow = Math.Min(left, room[column]);
                if (flow == 0)
                    continue;
                arcs[row].Add((_rows + column, flow));
                arcs[_rows + column].Add((row, flow));
                (left, room[column]) = (left - flow, room[column] - flow);
            }
        }

        Array.Fill(_firstChild, None);
        _parent[0] = None;
        var reached = new Queue<int>([0]);
        while (reached.TryDequeue(out var node))
        {
            foreach (var (neighbour, flow) in arcs[node])
            {
                if (neighbour == _parent[node])
                    continue;
                Link(neighbour, node, flow);
                reached.Enqueue(neighbour);
            }
        }
        _hasTree = true;
    }
}
