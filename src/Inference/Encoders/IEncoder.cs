namespace ScoringService.Inference.Encoders;

/// <summary>An encoder that is ready to run. Safe to use from several threads at once.</summary>
public interface IEncoder : IDisposable
{
    /// <summary>Width of a pooled vector.</summary>
    int HiddenSize { get; }

    /// <summary>The longest response in tokens, <c>[CLS]</c> and <c>[SEP]</c> included.</summary>
    int MaxTokens { get; }

    /// <summary>Whether it keeps something of each item's own, and so reads <see cref="EncoderInput.Expert"/>.</summary>
    bool ReadsExpert { get; }

    /// <summary>Responses that cost least when as many are encoded together: a batch had better hold a multiple of them. 1 where it makes no difference.</summary>
    int ResponsesSideBySide { get; }

    /// <summary>Encodes responses; a response's vector does not depend on the others.</summary>
    /// <param name="responses">The responses; of 1 to <see cref="MaxTokens"/> tokens each.</param>
    /// <param name="pooled">Receives <c>[responses, hidden]</c>.</param>
    /// <exception cref="ArgumentException">A response is empty or too long, or <paramref name="pooled"/> has another size.</exception>
    void Encode(ReadOnlySpan<EncoderInput> responses, Span<float> pooled);
}
