using System.Buffers;
using System.Globalization;
using System.Text;

namespace ScoringService.Inference.Tokenization;

/// <summary>
/// The text normalization of BERT: control characters out, white space to blanks, ideographs set apart, lower case, accents off.
/// Every step is linear in the length of the text.
/// </summary>
sealed class BertNormalizer(TokenizerOptions options)
{
    const char CapitalSigma = 'Σ';
    const char SmallSigma = 'σ';
    const char FinalSigma = 'ς';
    const char CapitalIWithDot = 'İ';
    const char RefusedNoncharacter = '\uFFFE';

    readonly bool lowerCase = options.LowerCase;
    readonly bool stripAccents = options.StripAccents ?? options.LowerCase;
    readonly bool separateIdeographs = options.SeparateIdeographs;

    /// <summary>Normalizes a text into a buffer of the shared pool.</summary>
    /// <param name="text">Any UTF-16, lone surrogates included.</param>
    /// <param name="buffer">
    /// A buffer rented from <see cref="ArrayPool{T}.Shared"/>; exchanged for a larger one when needed. The caller returns it.
    /// </param>
    /// <returns>The normalized text, a part of <paramref name="buffer"/>.</returns>
    public ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, scoped ref char[] buffer)
    {
        if (!text.ContainsAnyExceptInRange(' ', '~'))
        {
            EnsureCapacity(ref buffer, text.Length);
            if (lowerCase)
                Ascii.ToLower(text, buffer, out _);
            else
                text.CopyTo(buffer);
            return buffer.AsSpan(0, text.Length);
        }

        EnsureCapacity(ref buffer, 3 * text.Length);
        var length = Clean(text, buffer);
        if (lowerCase)
            LowerCase(buffer.AsSpan(0, length));
        return stripAccents && !Ascii.IsValid(buffer.AsSpan(0, length))
            ? StripAccents(length, ref buffer)
            : buffer.AsSpan(0, length);
    }

    int Clean(ReadOnlySpan<char> text, Span<char> cleaned)
    {
        var length = 0;
        while (!text.IsEmpty)
        {
            var status = Rune.DecodeFromUtf16(text, out var rune, out var consumed);
            var source = text[..consumed];
            text = text[consumed..];

            if (status != OperationStatus.Done || IsRemoved(rune))
                continue;
            if (Rune.IsWhiteSpace(rune))
            {
                cleaned[length++] = ' ';
            }
            else if (separateIdeographs && IsIdeograph(rune.Value))
            {
                cleaned[length++] = ' ';
                cleaned[length++] = source[0];
                cleaned[length++] = ' ';
            }
            else if (lowerCase && rune.Value == CapitalIWithDot)
            {
                // The one letter whose lower case is longer; its decomposition lower-cases to the same "i̇".
                cleaned[length++] = 'I';
                cleaned[length++] = '\u0307';
            }
            else if (rune.Value == RefusedNoncharacter)
            {
                // .NET refuses to normalize U+FFFE; its neighbour is as unknown to every vocabulary.
                cleaned[length++] = '\uFFFF';
            }
            else
            {
                source.CopyTo(cleaned[length..]);
                length += consumed;
            }
        }
        return length;
    }

    static bool IsRemoved(Rune rune) =>
        rune.Value is not ('\t' or '\n' or '\r')
        && (rune.Value == 0xFFFD
            || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse);

    // The reference sets apart the ideographs of the basic plane only. Those beyond it are in no BERT vocabulary:
    // a run of them is one [UNK].
    static bool IsIdeograph(int value) => value is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0xF900 and <= 0xFAFF);

    /// <summary>Lower-cases in place; simple mappings keep their UTF-16 length.</summary>
    static void LowerCase(Span<char> text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (text[i] == CapitalSigma)
            {
                text[i] = IsCasedBefore(text[..i]) && !IsCasedAfter(text[(i + 1)..]) ? FinalSigma : SmallSigma;
                i++;
                continue;
            }
            Rune.DecodeFromUtf16(text[i..], out var rune, out var consumed);
            Rune.ToLowerInvariant(rune).EncodeToUtf16(text[i..]);
            i += consumed;
        }
    }

    /// <summary>The Unicode condition Final_Sigma, first half: a cased letter precedes, apart from what case ignores.</summary>
    static bool IsCasedBefore(ReadOnlySpan<char> text)
    {
        while (Rune.DecodeLastFromUtf16(text, out var rune, out var consumed) == OperationStatus.Done)
        {
            if (!IsCaseIgnorable(rune))
                return IsCased(rune);
            text = text[..^consumed];
        }
        return false;
    }

    /// <summary>The Unicode condition Final_Sigma, second half: a cased letter follows, apart from what case ignores.</summary>
    static bool IsCasedAfter(ReadOnlySpan<char> text)
    {
        while (Rune.DecodeFromUtf16(text, out var rune, out var consumed) == OperationStatus.Done)
        {
            if (!IsCaseIgnorable(rune))
                return IsCased(rune);
            text = text[consumed..];
        }
        return false;
    }

    /// <summary>Unicode's Case_Ignorable.</summary>
    static bool IsCaseIgnorable(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol
        || rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027
            or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A;

    /// <summary>Unicode's Cased, for what is not <see cref="IsCaseIgnorable"/>.</summary>
    static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 'ª' or 'º' or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    /// <summary>Canonical decomposition, then every non-spacing mark removed.</summary>
    static ReadOnlySpan<char> StripAccents(int length, scoped ref char[] buffer)
    {
        if (!buffer.AsSpan(0, length).IsNormalized(NormalizationForm.FormD))
        {
            var composed = buffer;
            buffer = ArrayPool<char>.Shared.Rent(composed.AsSpan(0, length).GetNormalizedLength(NormalizationForm.FormD));
            composed.AsSpan(0, length).TryNormalize(buffer, out var decomposed, NormalizationForm.FormD);
            ArrayPool<char>.Shared.Return(composed);
            length = decomposed;
        }

        var kept = 0;
        for (var i = 0; i < length;)
        {
            Rune.DecodeFromUtf16(buffer.AsSpan(i, length - i), out var rune, out var consumed);
            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark)
            {
                buffer.AsSpan(i, consumed).CopyTo(buffer.AsSpan(kept));
                kept += consumed;
            }
            i += consumed;
        }
        return buffer.AsSpan(0, kept);
    }

    static void EnsureCapacity(scoped ref char[] buffer, int length)
    {
        if (buffer.Length >= length)
            return;
        ArrayPool<char>.Shared.Return(buffer);
        buffer = ArrayPool<char>.Shared.Rent(length);
    }
}
