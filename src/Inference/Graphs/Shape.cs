using System.Collections;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace ScoringService.Inference.Graphs;

/// <summary>The dimensions of a tensor, outermost first; written <c>["batch", "tokens", 384]</c>. Empty for a scalar.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public sealed class Shape : IReadOnlyList<Dimension>, IEquatable<Shape>
{
    readonly ImmutableArray<Dimension> dimensions;

    Shape(ImmutableArray<Dimension> dimensions) => this.dimensions = dimensions;

    /// <summary>Number of dimensions.</summary>
    public int Count => dimensions.Length;

    /// <summary>The dimension at <paramref name="axis"/>, counted from the outermost.</summary>
    public Dimension this[int axis] => dimensions[axis];

    /// <summary>Number of elements.</summary>
    public Dimension Size => dimensions.Aggregate((Dimension)1, (size, dimension) => size * dimension);

    /// <summary>Makes a shape of <paramref name="dimensions"/>.</summary>
    public static Shape Create(ReadOnlySpan<Dimension> dimensions) => new([.. dimensions]);

    /// <summary>The shape of a tensor of a model.</summary>
    public static Shape Of(ImmutableArray<int> sizes) => [.. sizes.Select(size => (Dimension)size)];

    /// <summary>The common shape of an elementwise operation, or null if the two do not broadcast.</summary>
    public static Shape? Broadcast(Shape a, Shape b)
    {
        var common = new Dimension[Math.Max(a.Count, b.Count)];
        for (var fromEnd = 1; fromEnd <= common.Length; fromEnd++)
        {
            var left = fromEnd <= a.Count ? a[^fromEnd] : 1;
            var right = fromEnd <= b.Count ? b[^fromEnd] : 1;
            if (left != right && left != 1 && right != 1)
                return null;
            common[^fromEnd] = left == 1 ? right : left;
        }
        return Create(common);
    }

    /// <summary>A negative axis counted from the end, as a position.</summary>
    public int Axis(int axis) => axis < 0 ? axis + Count : axis;

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && dimensions.AsSpan().SequenceEqual(other.dimensions.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var dimension in dimensions)
            hash.Add(dimension);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<Dimension> GetEnumerator() => dimensions.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>As it is written in messages: <c>[batch,tokens,384]</c>.</summary>
    public override string ToString() => $"[{string.Join(',', dimensions)}]";
}
