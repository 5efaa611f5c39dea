using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Benchmarks.Serving;

/// <summary>How an encoder is run.</summary>
/// <param name="BatchTokens">Size of a batch in tokens, padding included.</param>
/// <param name="Passes">Forward passes under way at once.</param>
/// <param name="Threads">Threads that work on each.</param>
sealed record EngineSetting(int BatchTokens, int Passes, int Threads)
{
    /// <summary>What is tried to find the best: all cores on one pass, or one pass on each core.</summary>
    public static ImmutableArray<EngineSetting> Candidates { get; } =
    [
        .. from tokens in new[] { 256, 512, 1024, 2048, 4096 }
           from passes in new[] { 1, Environment.ProcessorCount }.Distinct()
           select new EngineSetting(tokens, passes, Environment.ProcessorCount / passes),
    ];

    /// <inheritdoc/>
    public override string ToString() => $"{BatchTokens} tokens, {Passes} x {Threads} threads";
}

/// <summary>What the engine is to run.</summary>
/// <param name="Bundle">Directory of the bundle; of one encoder.</param>
/// <param name="Workload">JSON file of the responses.</param>
/// <param name="Settings">Settings to choose the fastest of; a single one is taken as it is.</param>
/// <param name="Seconds">How long to measure.</param>
/// <param name="Engine">What runs the encoder.</param>
sealed record EnginePlan(
    string Bundle, string Workload, ImmutableArray<EngineSetting> Settings, double Seconds, ServingEngine Engine = ServingEngine.Auto);

/// <summary>How fast it was.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="ResponsesPerSecond">Responses through tokenizer and encoder.</param>
/// <param name="ResponsesPerCpuSecond">The same per second of processor time, which says more where others take the processor.</param>
/// <param name="ResidentBytes">Resident memory of the process, with the encoder loaded.</param>
/// <param name="CpuSeconds">Processor time of the process.</param>
sealed record EngineSummary(
    EngineSetting Setting, double ResponsesPerSecond, double ResponsesPerCpuSecond, long ResidentBytes, double CpuSeconds);

/// <summary>
/// The engine alone, as fast as it goes: texts that all lie ready are tokenized, sorted by length over a thousand of them, and encoded in batches.
/// Nothing waits, nothing is answered; heads are left out. No server on the same engine can be faster.
/// </summary>
static class EngineLoop
{
    /// <summary>The hidden verb.</summary>
    public const string Verb = "serving-engine";

    const int Sorted = 1024;
    const double WarmUpSeconds = .5, TrialSeconds = 1;

    /// <summary>Carries out a plan.</summary>
    public static Task<EngineSummary> Run(EnginePlan plan, CancellationToken ended)
    {
        var bundle = Bundle.Open(plan.Bundle);
        var encoder = bundle.Manifest.Encoders.Single();
        var tokenizer = BertTokenizer.Load(bundle.TokenizerDirectory);
        var experts = encoder.Items.Index().ToDictionary(item => item.Item, item => item.Index);
        var responses = JsonSerializer.Deserialize<ResponseToScore[]>(File.ReadAllBytes(plan.Workload))!;
        var best = plan.Settings[0];
        if (plan.Settings.Length > 1)
            best = plan.Settings.MaxBy(setting => Measure(setting, TrialSeconds).ResponsesPerSecond)!;
        return Task.FromResult(Measure(best, plan.Seconds));

        EngineSummary Measure(EngineSetting setting, double seconds)
        {
            using var session = bundle.Load(encoder, plan.Engine, new() { Threads = setting.Threads });
            var maxTokens = bundle.Manifest.Tokenizer.MaxTokens;
            var run = new Loop(session, setting.BatchTokens, text => tokenizer.Encode(text, maxTokens), experts, responses);
            run.For(WarmUpSeconds, setting.Passes, ended);
            var (start, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            var encoded = run.For(seconds, setting.Passes, ended);
            var (elapsed, used) = (Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - cpu);
            return new(
                setting, encoded / elapsed.TotalSeconds, encoded / used.TotalSeconds, Environment.WorkingSet,
                Environment.CpuUsage.TotalTime.TotalSeconds);
        }
    }

    sealed class Loop(
        IEncoder session, int batchTokens, Func<string, int[]> tokenize, Dictionary<string, int> experts, ResponseToScore[] responses)
    {
        int taken;

        /// <summary>Responses encoded in some seconds.</summary>
        public long For(double seconds, int passes, CancellationToken ended)
        {
            var (start, encoded) = (Stopwatch.GetTimestamp(), 0L);
            var threads = Enumerable.Range(0, passes).Select(_ => Task.Factory.StartNew(
                () => Interlocked.Add(ref encoded, EncodeUntil(() =>
                    Stopwatch.GetElapsedTime(start).TotalSeconds >= seconds || ended.IsCancellationRequested)),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            Task.WaitAll(threads, CancellationToken.None);
            return encoded;
        }

        long EncodeUntil(Func<bool> over)
        {
            var (encoded, pooled) = (0L, Array.Empty<float>());
            while (!over())
            {
                var first = Interlocked.Add(ref taken, Sorted) - Sorted;
                var inputs = Enumerable.Range(first, Sorted).Select(place => responses[place % responses.Length])
                    .Select(response => new EncoderInput(tokenize(response.Text), experts[response.ItemId]))
                    .OrderBy(input => input.Ids.Length).ToArray();
                // Out of order, so that the time does not always run out on the long ones.
                var batches = Cut(inputs).ToArray();
                new Random(first).Shuffle(batches);
                foreach (var (start, count) in batches.TakeWhile(_ => !over()))
                {
                    var size = count * session.HiddenSize;
                    if (pooled.Length < size)
                        pooled = new float[size];
                    session.Encode(inputs.AsSpan(start, count), pooled.AsSpan(0, size));
                    encoded += count;
                }
            }
            return encoded;
        }

        IEnumerable<(int Start, int Count)> Cut(EncoderInput[] inputs)
        {
            for (var (start, count) = (0, 0); start < inputs.Length; start += count)
            {
                count = 1;
                while (start + count < inputs.Length && (count + 1) * inputs[start + count].Ids.Length <= batchTokens)
                    count++;
                if (count > session.ResponsesSideBySide && start + count < inputs.Length)
                    count -= count % session.ResponsesSideBySide;
                yield return (start, count);
            }
        }
    }
}
