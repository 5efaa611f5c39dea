using System.Buffers;
using Microsoft.ML.OnnxRuntime;

namespace ScoringService.Inference.Encoders;

/// <summary>Responses padded to the longest of them, as an encoder reads them; its buffers are pooled, so dispose it after the run.</summary>
public sealed class TokenBatch : IDisposable
{
    readonly long[] ids;
    readonly long[] mask;
    readonly long[] experts;

    TokenBatch(int responses, int tokens)
    {
        var length = responses * tokens;
        (ids, mask, experts) = (ArrayPool<long>.Shared.Rent(length), ArrayPool<long>.Shared.Rent(length), ArrayPool<long>.Shared.Rent(responses));
        ids.AsSpan(0, length).Clear();
        mask.AsSpan(0, length).Clear();
        Ids = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, ids.AsMemory(0, length), [responses, tokens]);
        Mask = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, mask.AsMemory(0, length), [responses, tokens]);
        Experts = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, experts.AsMemory(0, responses), [responses]);
    }

    /// <summary>Token ids, 0 where padded; <c>[responses, tokens]</c>.</summary>
    public OrtValue Ids { get; }

    /// <summary>1 for a token, 0 for padding; <c>[responses, tokens]</c>.</summary>
    public OrtValue Mask { get; }

    /// <summary>The expert of each response, <c>[responses]</c>.</summary>
    public OrtValue Experts { get; }

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
        Ids.Dispose();
        Mask.Dispose();
        Experts.Dispose();
        ArrayPool<long>.Shared.Return(ids);
        ArrayPool<long>.Shared.Return(mask);
        ArrayPool<long>.Shared.Return(experts);
    }
}
