using ScoringService.Inference.Encoders;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Inference.Torch;

/// <summary>Padded responses as Torch tensors; they belong to the dispose scope in which it was made.</summary>
/// <param name="Ids">Token ids, <c>[batch, tokens]</c>.</param>
/// <param name="Mask">1 for a token, 0 for padding; <c>[batch, tokens]</c>.</param>
/// <param name="Experts">The expert of each response, <c>[batch]</c>.</param>
public sealed record TorchBatch(TorchTensor Ids, TorchTensor Mask, TorchTensor Experts)
{
    /// <summary>Lays out responses.</summary>
    /// <param name="responses">At least one response.</param>
    /// <param name="maxTokens">The longest response allowed.</param>
    /// <exception cref="ArgumentException">A response is empty or too long.</exception>
    public static TorchBatch Pad(ReadOnlySpan<EncoderInput> responses, int maxTokens)
    {
        using var batch = TokenBatch.Pad(responses, maxTokens);
        return new(
            TorchMemory.Copy(batch.Ids.Span, batch.Responses, batch.Tokens),
            TorchMemory.Copy(batch.Mask.Span, batch.Responses, batch.Tokens),
            TorchMemory.Copy(batch.Experts.Span, batch.Responses));
    }

    /// <summary>The tensor that an encoder's graph reads under a name; null for another name.</summary>
    public TorchTensor? ValueOf(string name) => name switch
    {
        EncoderGraph.IdsInput => Ids,
        EncoderGraph.MaskInput => Mask,
        EncoderGraph.ExpertInput => Experts,
        _ => null,
    };
}
