using ScoringService.Inference.Batching;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tests.Tokenization;

namespace ScoringService.Inference.Tests.Scoring;

[Collection(AllocationGates.Name)]
public sealed class ScoringAllocationTests : IDisposable
{
    const int Responses = 64;

    readonly SmallBundle bundles = new();

    public void Dispose() => bundles.Dispose();

    /// <remarks>
    /// The pooled arrays are small here: the pool makes a few now and then as work moves between threads, which must not pass for a cost.
    /// </remarks>
    [Fact]
    public async Task Between_tokenizer_and_heads_a_response_allocates_nothing()
    {
        await using var pool = new ExecutorPool(new(), executors: 2, TimeProvider.System);
        var queue = pool.Add((_, pooled) => pooled.Clear(), hidden: 8);

        var (few, many) = (await AllocationGates.BytesOf(() => Encode(4)), await AllocationGates.BytesOf(() => Encode(4 + Responses)));

        Assert.True((many - few) / Responses < 1, $"{few} bytes for 4 responses, {many} for {4 + Responses}");

        async Task Encode(int count)
        {
            using var request = new EncodeRequest(new("school"), count);
            for (var i = 0; i < count; i++)
            {
                request.Room(40)[..20].Clear();
                request.Add(queue, 20, expert: 0);
            }
            await pool.EncodeAsync(request, CancellationToken.None);
        }
    }

    /// <remarks>
    /// What remains: of the result, on 64 bits, 88 bytes for the response, 48 for its score, 24 for the array of labels, 48 for each label (here 3 on
    /// average) with its place in it, 32 for the flags where there are any, and 8 for its place in the answer: 344. The rest is what the runtime's API
    /// makes in every pass (values, names and handles of inputs), divided by the responses in it, and the request's few objects.
    /// </remarks>
    [Fact]
    public async Task A_scored_response_allocates_its_result_and_little_else()
    {
        await using var scorer = Scorer.Load(bundles.Publish(seed: 1), new ServingOptions { Executors = 2 }, TimeProvider.System);
        var texts = Golden.Samples().Take(Responses).ToArray();
        ResponseToScore[] responses = [.. texts.Select((text, i) => new ResponseToScore($"{i}", SmallBundle.Items[i % 4].Id, text))];

        var bytes = await AllocationGates.BytesOf(() => scorer.ScoreAsync(responses, new("school"), CancellationToken.None)) / Responses;

        Assert.True(bytes < 560, $"{bytes} bytes a response");
    }
}
