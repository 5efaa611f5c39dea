using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ScoringService.Inference.Tokenization;

/// <summary>
/// BERT's WordPiece tokenizer, id for id the one of Hugging Face. Immutable and safe to use from many threads.
/// </summary>
/// <remarks>
/// Special tokens written out in a text (<c>[MASK]</c>, <c>[SEP]</c>, …) become that token, as they do in the reference.
/// Characters are judged by the Unicode version of the .NET runtime.
/// </remarks>
public sealed class BertTokenizer
{
    const string Unknown = "[UNK]";
    const string Begin = "[CLS]";
    const string End = "[SEP]";

    static readonly string[] DefaultSpecialTokens = ["[PAD]", Unknown, Begin, End, "[MASK]"];

    [ThreadStatic] static List<int>? scratch;

    readonly BertNormalizer normalizer;
    readonly WordPieces pieces;
    readonly KeyValuePair<string, int>[] specialTokens;
    readonly SearchValues<char> specialStarts;
    readonly int unknown;
    readonly int begin;
    readonly int end;

    /// <summary>Builds a tokenizer from its vocabulary.</summary>
    /// <param name="vocabulary">Tokens with their ids; <c>[UNK]</c>, <c>[CLS]</c> and <c>[SEP]</c> must be there.</param>
    /// <param name="options">Normalization options.</param>
    /// <param name="specialTokens">Tokens taken from the raw text as they stand; by default those of BERT that the vocabulary has.</param>
    /// <exception cref="InvalidDataException">The vocabulary lacks a required token.</exception>
    public BertTokenizer(IReadOnlyDictionary<string, int> vocabulary, TokenizerOptions options, IEnumerable<string>? specialTokens = null)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(options);
        unknown = Required(Unknown);
        begin = Required(Begin);
        end = Required(End);
        VocabularySize = vocabulary.Values.Max() + 1;
        normalizer = new BertNormalizer(options);
        pieces = new WordPieces(vocabulary, unknown);
        this.specialTokens =
        [
            .. (specialTokens ?? DefaultSpecialTokens.Where(vocabulary.ContainsKey))
                .OrderByDescending(token => token.Length)
                .Select(token => KeyValuePair.Create(token, Required(token))),
        ];
        specialStarts = SearchValues.Create([.. this.specialTokens.Select(token => token.Key[0])]);

        int Required(string token) => vocabulary.TryGetValue(token, out var id)
            ? id
            : throw new InvalidDataException($"The vocabulary has no {token}. Use the vocab.txt or tokenizer.json that belongs to the checkpoint.");
    }

    /// <summary>One more than the largest id: rows the encoder's token embedding must have.</summary>
    public int VocabularySize { get; }

    /// <summary>
    /// Reads a tokenizer in Hugging Face layout: the vocabulary from <c>vocab.txt</c>, or else <c>tokenizer.json</c>; options from
    /// <c>tokenizer_config.json</c>, or else <c>tokenizer.json</c>, or else those of an uncased BERT.
    /// </summary>
    /// <param name="directory">Directory of the checkpoint.</param>
    /// <exception cref="FileNotFoundException">Neither vocabulary file is there.</exception>
    /// <exception cref="InvalidDataException">A file is malformed, or asks for something that is not BERT WordPiece.</exception>
    public static BertTokenizer Load(string directory) => TokenizerFiles.Read(directory);

    /// <summary>The token ids of a text, as <see cref="Tokenize"/> writes them.</summary>
    /// <param name="text">Any text; lone surrogates are ignored.</param>
    /// <param name="maxTokens">Most ids to return, <c>[CLS]</c> and <c>[SEP]</c> included; at least 2.</param>
    public int[] Encode(string text, int maxTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 2);
        var (tokens, _) = Collect(text, maxTokens - 1, []);
        return [begin, .. CollectionsMarshal.AsSpan(tokens)[..Math.Min(tokens.Count, maxTokens - 2)], end];
    }

    /// <summary>Tokenizes one text, <c>[CLS] text [SEP]</c>, without allocating.</summary>
    /// <param name="text">Any text; lone surrogates are ignored.</param>
    /// <param name="ids">Receives the ids; at least 2 long. The end of a text with more ids is left out.</param>
    public TokenizedResponse Tokenize(ReadOnlySpan<char> text, Span<int> ids)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ids.Length, 2);
        var (tokens, words) = Collect(text, ids.Length - 1, scratch ??= []);
        var kept = CollectionsMarshal.AsSpan(tokens)[..Math.Min(tokens.Count, ids.Length - 2)];
        ids[0] = begin;
        kept.CopyTo(ids[1..]);
        ids[kept.Length + 1] = end;
        return new TokenizedResponse(kept.Length + 2, words, kept.Count(unknown), kept.Length < tokens.Count);
    }

    /// <summary>
    /// Tokenizes two texts: <c>[CLS] first [SEP] second [SEP]</c>. Where they are too long together, the longer one is cut first
    /// (<c>longest_first</c>), then both to halves; an odd token goes to the longer one,
    /// or to the second where both exceed the limit on their own.
    /// </summary>
    /// <param name="first">The first text, type 0.</param>
    /// <param name="second">The second text, type 1. Empty: a single text, as the reference treats it.</param>
    /// <param name="maxTokens">Most ids to return, special tokens included; at least 3.</param>
    public TokenizedPair TokenizePair(ReadOnlySpan<char> first, ReadOnlySpan<char> second, int maxTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 3);
        if (second.IsEmpty)
        {
            var single = new int[maxTokens];
            var (count, _, _, truncated) = Tokenize(first, single);
            return new TokenizedPair(single[..count], new int[count], truncated);
        }

        var a = CollectionsMarshal.AsSpan(Collect(first, maxTokens, []).Tokens);
        var b = CollectionsMarshal.AsSpan(Collect(second, maxTokens, []).Tokens);
        var (keptA, keptB) = LongestFirst(a.Length, b.Length, maxTokens - 3);
        int[] ids = [begin, .. a[..keptA], end, .. b[..keptB], end];
        var types = new int[ids.Length];
        types.AsSpan(keptA + 2).Fill(1);
        return new TokenizedPair(ids, types, keptA + keptB < a.Length + b.Length);
    }

    static (int First, int Second) LongestFirst(int first, int second, int room)
    {
        if (first + second <= room)
            return (first, second);
        var half = room / 2;
        var shorter = Math.Min(Math.Min(first, second), half);
        return first > second ? (room - shorter, shorter) : (shorter, room - shorter);
    }

    /// <summary>The tokens of a text and how many words they are; stops after the word that makes enough tokens.</summary>
    (List<int> Tokens, int Words) Collect(ReadOnlySpan<char> text, int enough, List<int> tokens)
    {
        tokens.Clear();
        tokens.EnsureCapacity(Math.Min(enough, text.Length / 4) + 8);
        var words = 0;
        var buffer = ArrayPool<char>.Shared.Rent(Math.Max(text.Length, 1));
        while (!text.IsEmpty && tokens.Count < enough)
        {
            var (at, length, id) = NextSpecialToken(text);
            words += AppendWords(normalizer.Normalize(text[..at], ref buffer), tokens, enough);
            if (length > 0 && tokens.Count < enough)
                tokens.Add(id);
            text = text[(at + length)..];
        }
        ArrayPool<char>.Shared.Return(buffer);
        return (tokens, words);
    }

    /// <summary>Where the next special token stands in the text, its length and id; the end of the text and length 0 where there is none.</summary>
    (int At, int Length, int Id) NextSpecialToken(ReadOnlySpan<char> text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            var skipped = text[at..].IndexOfAny(specialStarts);
            if (skipped < 0)
                break;
            at += skipped;
            foreach (var (token, id) in specialTokens)
            {
                if (text[at..].StartsWith(token, StringComparison.Ordinal))
                    return (at, token.Length, id);
            }
        }
        return (text.Length, 0, 0);
    }

    int AppendWords(ReadOnlySpan<char> text, List<int> tokens, int enough)
    {
        var words = 0;
        for (var i = 0; i < text.Length && tokens.Count < enough;)
        {
            var word = text[i..(i + WordLength(text[i..]))];
            if (!word.IsEmpty)
            {
                pieces.Append(word, tokens);
                words++;
                i += word.Length;
            }
            else if (text[i] == ' ')
            {
                i++;
            }
            else
            {
                Rune.DecodeFromUtf16(text[i..], out _, out var length);
                pieces.Append(text.Slice(i, length), tokens);
                i += length;
            }
        }
        return words;
    }

    /// <summary>Length of the text up to the first blank or punctuation mark.</summary>
    static int WordLength(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (char.IsAsciiLetterOrDigit(text[i]))
            {
                i++;
                continue;
            }
            Rune.DecodeFromUtf16(text[i..], out var rune, out var length);
            if (rune.IsAscii || IsPunctuation(rune))
                return i;
            i += length;
        }
        return text.Length;
    }

    static bool IsPunctuation(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;
}
