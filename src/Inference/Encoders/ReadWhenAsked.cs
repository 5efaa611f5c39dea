using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// Parts of an encoder that are read when they are asked for, each time anew, and not kept: who goes through a large encoder part by part never has it in
/// memory as a whole.
/// </summary>
/// <param name="names">Names of the parts.</param>
/// <param name="read">Reads one.</param>
sealed class ReadWhenAsked<T>(IEnumerable<string> names, Func<string, T> read) : IReadOnlyDictionary<string, T>
{
    readonly ImmutableHashSet<string> names = [.. names];

    /// <inheritdoc/>
    public int Count => names.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => names;

    /// <inheritdoc/>
    public IEnumerable<T> Values => names.Select(read);

    /// <inheritdoc/>
    public T this[string key] => names.Contains(key) ? read(key) : throw new KeyNotFoundException($"The encoder has no '{key}'.");

    /// <inheritdoc/>
    public bool ContainsKey(string key) => names.Contains(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value)
    {
        var found = names.Contains(key);
        value = found ? read(key) : default;
        return found;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, T>> GetEnumerator() => names.Select(name => KeyValuePair.Create(name, read(name))).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
