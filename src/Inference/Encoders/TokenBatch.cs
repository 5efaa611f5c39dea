using System.Buffers;

namespace ScoringService.Inference.Encoders;

/// <summary>Responses padded to the longest of them, as a graph reads them; its buffers are pooled, so dispose it after the run.</summary>
public sealed class TokenBatch : IDisposable
{
    readonly long[] ids;
    readonly long[] mask;
    readonly long[] experts;

    TokenBatch(int responses, int tokens)
    {
        Responses = responses;
        Tokens = tokens;
        ids = ArrayPool<long>.Shared.Rent(responses * tokens);
        mask = ArrayPool<long>.Shared.Rent(responses * tokens);
        experts = ArrayPool<long>.Shared.Rent(responses);
        Array.Clear(ids);
        Array.Clear(mask);
    }

    /// <summary>Number of responses.</summary>
    public int Responses { get; }

    /// <summary>Tokens of the longest.</summary>
    public int Tokens { get; }

    /// <summary>Token ids, 0 where padded; <c>[responses, tokens]</c>.</summary>
    public ReadOnlyMemory<long> Ids => ids.AsMemory(0, Responses * Tokens);

    /// <summary>1 for a token, 0 for padding; <c>[responses, tokens]</c>.</summary>
    public ReadOnlyMemory<long> Mask => mask.AsMemory(0, Responses * Tokens);

    /// <summary>The expert of each response, <c>[responses]</c>.</summary>
    public ReadOnlyMemory<long> Experts => experts.AsMemory(0, Responses);

    /// <summary>Lays out responses.</summary>
    /// <param name="responses">At least one response.</param>
    /// <param name="maxTokens">The longest response allowed.</param>
    /// <exception cref="ArgumentException">A response is empty or too long.</exception>
    public static TokenBatch Pad(ReadOnlySpan<EncoderInput> responses, int maxTokens)
    {
        var longest = 0;
        for (var row = 0; row < responses.Length; row++)
        {
            var length = responses[row].Ids.Length;
            if (length == 0 || length > maxTokens)
            {
                throw new ArgumentException(
                    $"Response {row} of the batch has {length} tokens; the encoder takes 1 to {maxTokens}. Truncate when tokenizing.", nameof(responses));
            }
            longest = Math.Max(longest, length);
        }

        var batch = new TokenBatch(responses.Length, longest);
        for (var row = 0; row < responses.Length; row++)
        {
            var tokens = responses[row].Ids.Span;
            for (var i = 0; i < tokens.Length; i++)
                batch.ids[row * longest + i] = tokens[i];
            batch.mask.AsSpan(row * longest, tokens.Length).Fill(1);
            batch.experts[row] = responses[row].Expert;
        }
        return batch;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<long>.Shared.Return(ids);
        ArrayPool<long>.Shared.Return(mask);
        ArrayPool<long>.Shared.Return(experts);
    }
}
