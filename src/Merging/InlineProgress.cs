namespace ScoringService.Merging;

/// <summary>Reports on the caller's thread; <see cref="Progress{T}"/> would reorder reports through the thread pool.</summary>
sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
