namespace ScoringService.Inference.Tokenization;

/// <summary>What became of a text whose token ids were written out.</summary>
/// <param name="Tokens">Ids written, <c>[CLS]</c> first and <c>[SEP]</c> last.</param>
/// <param name="Words">Words the ids stand for; punctuation is not counted.</param>
/// <param name="Unknown">How many of the ids are <c>[UNK]</c>.</param>
/// <param name="Truncated">Whether the end of the text was left out to stay within the token limit.</param>
public readonly record struct TokenizedResponse(int Tokens, int Words, int Unknown, bool Truncated)
{
    /// <summary>Whether there is nothing to read: a text of blanks and invisible characters.</summary>
    public bool IsEmpty => Tokens <= 2;

    /// <summary><see cref="Unknown"/> over the number of ids without <c>[CLS]</c> and <c>[SEP]</c>; 0 for an empty text.</summary>
    public double UnknownFraction => IsEmpty ? 0 : (double)Unknown / (Tokens - 2);
}

/// <summary>Two texts as the encoder reads them: <c>[CLS] first [SEP] second [SEP]</c>.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="TypeIds">For each id 0 up to and including the first <c>[SEP]</c>, then 1.</param>
/// <param name="Truncated">Whether the end of either text was left out to stay within the token limit.</param>
public sealed record TokenizedPair(int[] Ids, int[] TypeIds, bool Truncated);
