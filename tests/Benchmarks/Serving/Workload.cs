using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Benchmarks.Serving;

/// <summary>The responses that are sent: of all items in one fixed random order. A response's id is its place.</summary>
/// <param name="Responses">The responses.</param>
sealed record Workload(ImmutableArray<ResponseToScore> Responses)
{
    /// <summary>All responses of some items that have something to read.</summary>
    public static Workload Of(IEnumerable<ItemData> items)
    {
        var responses = items
            .SelectMany(data => data.Train.Concat(data.Validation).Concat(data.Test).Select(response => (data.Item.Id, response.Text)))
            .Where(response => !string.IsNullOrWhiteSpace(response.Text))
            .ToArray();
        new Random(0).Shuffle(responses);
        return Numbered(responses);
    }

    /// <summary>The test responses in their order.</summary>
    public static Workload OfTests(IEnumerable<ItemData> items) =>
        Numbered(items.SelectMany(data => data.Test.Select(response => (data.Item.Id, response.Text))));

    /// <summary>The longer ones, cut to a number of words.</summary>
    public Workload OfWords(int words) => Numbered(
        from response in Responses
        let split = response.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        where split.Length >= words
        select (response.ItemId, string.Join(' ', split.Take(words))));

    /// <summary>The same texts, item by item to other items.</summary>
    /// <param name="other">From a place and an item to the other item.</param>
    public Workload To(Func<int, string, string> other) =>
        Numbered(Responses.Select((response, place) => (other(place, response.ItemId), response.Text)));

    /// <summary>The requests that send all of them once, ready to be sent.</summary>
    /// <param name="perRequest">Responses in one request.</param>
    /// <param name="key">API key.</param>
    public IEnumerable<byte[]> Requests(int perRequest, string key) =>
        Responses.Chunk(perRequest).Where(chunk => chunk.Length == perRequest).Select(chunk => Request(chunk, key));

    /// <summary>One request, ready to be sent.</summary>
    public static byte[] Request(IEnumerable<ResponseToScore> responses, string key) =>
        HttpConnection.Request(key, JsonSerializer.SerializeToUtf8Bytes(new { responses }, JsonSerializerOptions.Web));

    /// <summary>Writes requests one after another, each after its length.</summary>
    public static void Write(string path, IEnumerable<byte[]> requests)
    {
        using var writer = new BinaryWriter(File.Create(path));
        foreach (var request in requests)
        {
            writer.Write(request.Length);
            writer.Write(request);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static ImmutableArray<byte[]> Read(string path)
    {
        using var file = File.OpenRead(path);
        using var reader = new BinaryReader(file);
        var requests = ImmutableArray.CreateBuilder<byte[]>();
        while (file.Position < file.Length)
            requests.Add(reader.ReadBytes(reader.ReadInt32()));
        return requests.ToImmutable();
    }

    static Workload Numbered(IEnumerable<(string Item, string Text)> responses) =>
        new([.. responses.Select((response, place) => new ResponseToScore($"{place}", response.Item, response.Text))]);
}
