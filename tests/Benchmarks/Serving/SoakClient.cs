using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text.Json;
using ScoringService.Inference.Scoring;

namespace ScoringService.Benchmarks.Serving;

/// <summary>Random load whose every answer is checked.</summary>
sealed record SoakPlan
{
    /// <summary>Port of the service on the loopback interface.</summary>
    public required int Port { get; init; }

    /// <summary>API key.</summary>
    public required string Key { get; init; }

    /// <summary>JSON file of an <see cref="Expectations"/>.</summary>
    public required string Expected { get; init; }

    /// <summary>Connections at a time.</summary>
    public int Connections { get; init; } = 16;

    /// <summary>Seed of everything random but the time that things take.</summary>
    public int Seed { get; init; }
}

/// <summary>What the service must say of responses, whatever else it has to do.</summary>
/// <param name="Responses">The responses; the id is the place.</param>
/// <param name="Probabilities">By bundle, for each response the probabilities of its item's labels.</param>
sealed record Expectations(ImmutableArray<ResponseToScore> Responses, Dictionary<string, double[][]> Probabilities);

/// <summary>What came of it.</summary>
/// <param name="Requests">Requests sent whose answers were awaited.</param>
/// <param name="Responses">Responses scored.</param>
/// <param name="Disconnected">Requests whose connection was cut before they were answered.</param>
/// <param name="Refused">Requests answered with 429.</param>
/// <param name="Lost">Requests without an answer, or with another status than 200 and 429.</param>
/// <param name="Misplaced">Answers that do not hold exactly one result for each response, in the order of the request.</param>
/// <param name="Wrong">Results that differ from what is expected.</param>
/// <param name="LargestDeviation">The largest difference of a probability.</param>
sealed record SoakSummary(
    long Requests, long Responses, long Disconnected, long Refused, long Lost, long Misplaced, long Wrong, double LargestDeviation);

/// <summary>The process that soaks the service.</summary>
sealed class SoakClient
{
    /// <summary>The hidden verb.</summary>
    public const string Verb = "serving-soak";

    /// <summary>How far a probability may lie from the expected one.</summary>
    public const double Tolerance = 1e-5;

    const int MostResponses = 32;
    const double CutShare = .05, PauseShare = .3, PausesPerSecond = 50, CutsPerSecond = 100;

    static readonly TimeSpan AtMostUntilAnswered = TimeSpan.FromSeconds(60);

    readonly SoakPlan plan;
    readonly Expectations expected;
    readonly Lock gate = new();
    long sent, scored, disconnected, refused, lost, misplaced, wrong;
    double largest;

    SoakClient(SoakPlan plan) =>
        (this.plan, expected) = (plan, JsonSerializer.Deserialize<Expectations>(File.ReadAllBytes(plan.Expected))!);

    /// <summary>Soaks the service until it is told to stop.</summary>
    public static async Task<SoakSummary> RunAsync(SoakPlan plan, CancellationToken ended)
    {
        var soak = new SoakClient(plan);
        await Task.WhenAll(Enumerable.Range(0, plan.Connections).Select(connection => soak.LoopAsync(new(plan.Seed + connection), ended)));
        return new(soak.sent, soak.scored, soak.disconnected, soak.refused, soak.lost, soak.misplaced, soak.wrong, soak.largest);
    }

    async Task LoopAsync(Random random, CancellationToken ended)
    {
        HttpConnection? connection = null;
        while (!ended.IsCancellationRequested)
        {
            int[] asked = [.. Enumerable.Range(0, random.Next(1, MostResponses + 1)).Select(_ => random.Next(expected.Responses.Length)).Distinct()];
            var request = Workload.Request(asked.Select(place => expected.Responses[place]), plan.Key);
            var (cut, pause) = (random.NextDouble() < CutShare, random.NextDouble() < PauseShare);
            try
            {
                using var patience = new CancellationTokenSource(AtMostUntilAnswered);
                connection ??= await HttpConnection.OpenAsync(plan.Port, patience.Token);
                if (cut)
                {
                    await connection.SendOnlyAsync(request, patience.Token);
                    await Pause(random, CutsPerSecond);
                    connection.Dispose();
                    connection = null;
                    Interlocked.Increment(ref disconnected);
                }
                else
                {
                    Interlocked.Increment(ref sent);
                    Check(asked, await connection.SendAsync(request, patience.Token));
                }
            }
            catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException or JsonException)
            {
                Interlocked.Increment(ref lost);
                connection?.Dispose();
                connection = null;
            }
            if (pause)
                await Pause(random, PausesPerSecond);
        }
        connection?.Dispose();
    }

    static Task Pause(Random random, double perSecond) =>
        Task.Delay(TimeSpan.FromSeconds(Arrivals.Pause(random, perSecond)), TimeProvider.System);

    void Check(int[] asked, Answer answer)
    {
        if (answer.Status == 429)
        {
            Interlocked.Increment(ref refused);
            return;
        }
        if (answer.Status != 200)
            throw new IOException($"The service answered {answer.Status}.");

        using var json = JsonDocument.Parse(answer.Body);
        var results = json.RootElement.GetProperty("results");
        lock (gate)
        {
            var answered = results.EnumerateArray().Select(result => result.GetProperty("responseId").GetString());
            if (!answered.SequenceEqual(asked.Select(place => $"{place}")))
            {
                misplaced++;
                return;
            }
            foreach (var (result, place) in results.EnumerateArray().Zip(asked))
            {
                var deviation = Deviation(result, place);
                scored++;
                largest = Math.Max(largest, deviation);
                if (deviation > Tolerance)
                    wrong++;
            }
        }
    }

    double Deviation(JsonElement result, int place)
    {
        if (result.GetProperty("status").GetString() != "scored"
            || !expected.Probabilities.TryGetValue(result.GetProperty("bundle").GetString()!, out var probabilities))
            return 1;
        var labels = result.GetProperty("labels");
        return labels.GetArrayLength() == probabilities[place].Length
            ? labels.EnumerateArray().Zip(probabilities[place], (label, p) => Math.Abs(label.GetProperty("probability").GetDouble() - p)).Max()
            : 1;
    }
}
