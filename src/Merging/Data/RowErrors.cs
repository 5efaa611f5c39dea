using System.Collections.Immutable;

namespace ScoringService.Merging.Data;

/// <summary>Why a row of labelled responses was refused.</summary>
/// <param name="Line">Line of the file or body on which the row starts, from 1.</param>
/// <param name="Column">Column at fault; null when it is the row as a whole.</param>
/// <param name="Reason">What is wrong and what is expected.</param>
public readonly record struct RowError(long Line, string? Column, string Reason)
{
    /// <summary>For people: <c>line 3, column 'score': …</c></summary>
    public override string ToString() => $"line {Line}{(Column is null ? "" : $", column '{Column}'")}: {Reason}";
}

/// <summary>Everything wrong with a file or body of labelled responses.</summary>
/// <param name="First">The first errors, at most 20, in the order of the rows.</param>
/// <param name="Count">How many there are in all.</param>
public sealed record RowErrors(ImmutableArray<RowError> First, int Count)
{
    /// <summary>Most errors that are kept.</summary>
    public const int Shown = 20;

    internal sealed class Builder
    {
        readonly ImmutableArray<RowError>.Builder first = ImmutableArray.CreateBuilder<RowError>();

        public int Count { get; private set; }

        public void Add(long line, string? column, string reason)
        {
            Count++;
            if (first.Count < Shown)
                first.Add(new RowError(line, column, reason));
        }

        public RowErrors Build() => new(first.ToImmutable(), Count);
    }
}
