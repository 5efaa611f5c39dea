namespace ScoringService.Inference.Encoders;

/// <summary>A response as an encoder reads it.</summary>
/// <param name="Ids">Token ids without padding.</param>
/// <param name="Expert">
/// Position of the response's item among those of its encoder; read by encoders that keep something of each item's own, and by no others.
/// </param>
public readonly record struct EncoderInput(ReadOnlyMemory<int> Ids, int Expert = 0);
