using System.Text.Json.Serialization;

namespace ScoringService.Inference.Encoders;

/// <summary>How the hidden states of a response's tokens become one vector.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Pooling>))]
public enum Pooling
{
    /// <summary>Mean over all tokens of the response, <c>[CLS]</c> and <c>[SEP]</c> included, padding not.</summary>
    [JsonStringEnumMemberName("mean")] Mean,

    /// <summary>The first token, <c>[CLS]</c>.</summary>
    [JsonStringEnumMemberName("cls")] Cls,
}

/// <summary>What an encoder returns for a response.</summary>
/// <param name="Layer">Which hidden state, as Hugging Face counts: 0 is the embeddings, n the output of layer n, −1 the last, −3 GW-SMM's choice.</param>
/// <param name="Pooling">How its tokens become one vector.</param>
public sealed record EncoderOutput(int Layer = -1, Pooling Pooling = Pooling.Mean);
