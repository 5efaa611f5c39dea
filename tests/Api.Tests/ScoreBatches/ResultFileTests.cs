using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using ScoringService.Api.ScoreBatches;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Tests.ScoreBatches;

public sealed class ResultFileTests
{
    [Fact]
    public async Task Wherever_a_stop_cuts_it_the_file_goes_on_whole()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            using var directory = new TemporaryDirectory();
            var random = new Random(seed);
            var all = Results(random, random.Next(1, 4000));
            await Write(directory.Path, all, random);
            var whole = await File.ReadAllBytesAsync(Path.Combine(directory.Path, "results.ndjson"));

            var cut = random.Next(whole.Length + 1);
            Truncate(directory.Path, "results.ndjson", cut);
            Truncate(directory.Path, "results.index", random.Next((int)new FileInfo(Path.Combine(directory.Path, "results.index")).Length + 1));
            using (var writer = new ResultFile.Writer(directory.Path, JsonSerializerOptions.Web))
            {
                var lines = whole.Take(cut).Count(value => value == '\n');
                Assert.True(writer.Count == lines, $"seed {seed}: {writer.Count} lines instead of {lines}");
                var rejected = all.Take(lines).Count(result => result is RejectedResponse);
                Assert.True(writer.Rejected == rejected, $"seed {seed}: {writer.Rejected} rejected instead of {rejected}");
                await writer.Append(all[lines..]);
            }

            var again = await File.ReadAllBytesAsync(Path.Combine(directory.Path, "results.ndjson"));
            Assert.True(whole.SequenceEqual(again), $"seed {seed}: the file differs from one written at once");
            foreach (var after in new[] { 0, 1, 999, 1000, 1001, random.Next(all.Length), all.Length - 1, all.Length })
                Assert.True(Tail(all, after) == Read(directory.Path, after), $"seed {seed}: after {after}");
        }
    }

    [Fact]
    public async Task A_line_that_is_being_written_is_not_read()
    {
        using var directory = new TemporaryDirectory();
        var random = new Random(1);
        var all = Results(random, 10);
        await Write(directory.Path, all, random);
        await File.AppendAllTextAsync(Path.Combine(directory.Path, "results.ndjson"), new string('x', 200_000));

        Assert.Equal(Tail(all, 3), Read(directory.Path, 3));
    }

    static ImmutableArray<ResponseResult> Results(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(ResponseResult (i) => random.Next(3) == 0
            ? new RejectedResponse($"r{i}", new string('x', random.Next(random.Next(20) == 0 ? 100_000 : 100)), new("type", "title", "detail"))
            : new ScoredResponse($"r{i}", "item")
            {
                Score = new(1, 1, 0, 2),
                Labels = [],
                Confidence = 1,
                Flags = [],
                Bundle = "bundle",
                Encoder = "e0",
                Tokens = i,
                Truncated = false,
            })];

    static async Task Write(string directory, ImmutableArray<ResponseResult> results, Random random)
    {
        using var writer = new ResultFile.Writer(directory, JsonSerializerOptions.Web);
        for (var start = 0; start < results.Length;)
        {
            var count = Math.Min(random.Next(1, 700), results.Length - start);
            await writer.Append(results.Slice(start, count));
            start += count;
        }
    }

    static void Truncate(string directory, string file, long length)
    {
        using var stream = File.OpenWrite(Path.Combine(directory, file));
        stream.SetLength(length);
    }

    static string Tail(ImmutableArray<ResponseResult> results, int after) =>
        string.Concat(results.Skip(after).Select(result => JsonSerializer.Serialize(result, JsonSerializerOptions.Web) + "\n"));

    static string Read(string directory, long after)
    {
        if (ResultFile.After(directory, after) is not var (path, offset, length))
            return "";
        using var file = File.OpenRead(path);
        var bytes = new byte[length];
        file.Position = offset;
        file.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes);
    }
}
