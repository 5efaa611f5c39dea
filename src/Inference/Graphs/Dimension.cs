namespace ScoringService.Inference.Graphs;

/// <summary>
/// One size of a shape: a number known when the graph is built, a symbol such as <c>batch</c> that each run fills in, or a product of
/// both such as <c>12*batch*tokens</c>.
/// </summary>
public readonly record struct Dimension
{
    // Null for a fixed size, so that equality of records is equality of sizes.
    readonly string? symbols;

    Dimension(long factor, string? symbols) => (Factor, this.symbols) = (factor, symbols);

    /// <summary>The known part: the size itself if it is fixed, otherwise what the symbols are multiplied by.</summary>
    public long Factor { get; }

    /// <summary>Whether the size is known when the graph is built.</summary>
    public bool IsFixed => symbols is null;

    /// <summary>The symbols whose sizes are multiplied, in alphabetic order; none for a fixed size.</summary>
    public IEnumerable<string> Symbols => symbols?.Split('*') ?? [];

    /// <summary>A size that is known.</summary>
    public static implicit operator Dimension(long size) => new(size, null);

    /// <summary>A size that each run fills in, by its name.</summary>
    public static implicit operator Dimension(string symbol) => new(1, symbol);

    /// <summary>The size of two dimensions laid out as one.</summary>
    public static Dimension operator *(Dimension a, Dimension b)
    {
        var symbols = a.Symbols.Concat(b.Symbols).Order(StringComparer.Ordinal).ToArray();
        return new(a.Factor * b.Factor, symbols.Length == 0 ? null : string.Join('*', symbols));
    }

    /// <summary>As it is written in messages: <c>384</c>, <c>batch</c>, <c>12*batch</c>.</summary>
    public override string ToString() => IsFixed ? $"{Factor}" : Factor == 1 ? symbols! : $"{Factor}*{symbols}";
}
