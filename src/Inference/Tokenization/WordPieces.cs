namespace ScoringService.Inference.Tokenization;

/// <summary>Cuts a word into the longest pieces the vocabulary has, from left to right (WordPiece).</summary>
sealed class WordPieces
{
    const int MaxWordLength = 100;
    const string ContinuationPrefix = "##";

    readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> beginnings;
    readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> continuations;
    readonly int longest;
    readonly int unknown;

    /// <summary>Prepares the lookup.</summary>
    /// <param name="ids">The vocabulary: pieces that continue a word carry the prefix <c>##</c>.</param>
    /// <param name="unknown">Id of <c>[UNK]</c>.</param>
    public WordPieces(IReadOnlyDictionary<string, int> ids, int unknown)
    {
        this.unknown = unknown;
        longest = ids.Keys.Max(piece => piece.Length);
        beginnings = ids.ToDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        continuations = ids.Where(piece => piece.Key.StartsWith(ContinuationPrefix, StringComparison.Ordinal))
            .ToDictionary(piece => piece.Key[ContinuationPrefix.Length..], piece => piece.Value, StringComparer.Ordinal)
            .GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Appends the pieces of a word; a word over 100 characters, or with a part in no piece, is one <c>[UNK]</c>.</summary>
    public void Append(ReadOnlySpan<char> word, List<int> tokens)
    {
        if (beginnings.TryGetValue(word, out var whole))
        {
            tokens.Add(whole);
            return;
        }
        if (IsTooLong(word))
        {
            tokens.Add(unknown);
            return;
        }

        Span<int> pieces = stackalloc int[MaxWordLength];
        var count = 0;
        for (var start = 0; start < word.Length;)
        {
            var lookup = start == 0 ? beginnings : continuations;
            var length = Math.Min(longest, word.Length - start);
            while (length > 0 && !lookup.TryGetValue(word.Slice(start, length), out pieces[count]))
                length--;
            if (length == 0)
            {
                tokens.Add(unknown);
                return;
            }
            start += length;
            count++;
        }
        tokens.AddRange(pieces[..count]);
    }

    static bool IsTooLong(ReadOnlySpan<char> word)
    {
        if (word.Length <= MaxWordLength)
            return false;
        var characters = 0;
        foreach (var _ in word.EnumerateRunes())
            characters++;
        return characters > MaxWordLength;
    }
}
