using System.Collections.Immutable;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Features;

/// <summary>An item's responses as token ids, split by split, so that every encoder reads the same tokens.</summary>
/// <param name="Data">The item and its labelled responses.</param>
/// <param name="Train">Token ids of the training responses, in their order.</param>
/// <param name="Validation">Token ids of the validation responses.</param>
/// <param name="Test">Token ids of the test responses.</param>
public sealed record TokenizedItem(ItemData Data, int[][] Train, int[][] Validation, int[][] Test)
{
    /// <summary>The item's name.</summary>
    public string Id => Data.Item.Id;

    /// <summary>Tokenizes all responses of an item.</summary>
    /// <param name="data">The item and its responses.</param>
    /// <param name="tokenize">Token ids of a text, special tokens included, cut to the longest sequence that is served.</param>
    public static TokenizedItem From(ItemData data, Func<string, int[]> tokenize)
    {
        int[][] Encode(ImmutableArray<LabelledResponse> responses) => [.. responses.Select(r => tokenize(r.Text))];
        return new(data, Encode(data.Train), Encode(data.Validation), Encode(data.Test));
    }

    /// <summary>The same item for a choice that must not know the test responses.</summary>
    public TokenizedItem WithoutTest() => this with { Data = Data with { Test = [] }, Test = [] };

    /// <summary>Training responses drawn at random, the same for the same seed.</summary>
    /// <param name="samples">How many; all where there are fewer.</param>
    /// <param name="seed">Seed of the draw.</param>
    public int[][] DrawTrain(int samples, int seed)
    {
        int[][] drawn = [.. Train];
        new Random(seed).Shuffle(drawn);
        return drawn[..Math.Min(samples, drawn.Length)];
    }
}
