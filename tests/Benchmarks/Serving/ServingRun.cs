using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Benchmarks.Serving;

/// <summary>How long things are measured.</summary>
/// <param name="Seconds">A row, in each repetition.</param>
/// <param name="SoakSeconds">The soak.</param>
/// <param name="BatchResponses">Responses of the score batch.</param>
sealed record ServingDurations(double Seconds, double SoakSeconds, int BatchResponses);

/// <summary>Measures the rows, in repetitions of them all, so that what else the machine does falls on all alike.</summary>
sealed class ServingRun : IDisposable
{
    const int PerRequest = 16, IdleWords = 20, ManyItems = 1000, Swaps = 20, OpenConnections = 2048, SoakedResponses = 1000;

    // At the longest: it ends when the queue is full.
    const double OverloadWarmUpSeconds = 120;

    static readonly ImmutableArray<string> OneAtATimeSettings = ["--Scoring:Queue:BatchTokens=1"];
    static readonly ImmutableArray<string> RuntimeSettings = ["--Scoring:Engine=runtime"];
    static readonly TimeSpan BetweenSamples = TimeSpan.FromSeconds(1), BetweenSwaps = TimeSpan.FromSeconds(5), BeforeSwaps = TimeSpan.FromSeconds(2);

    readonly ServingBundles bundles;
    readonly ImmutableHashSet<string> wanted;
    readonly ServingDurations durations;
    readonly string output;
    readonly CancellationToken stop;
    readonly ServingTable table = new();
    readonly SortedDictionary<string, string> left = [];
    readonly DirectoryInfo scratch = Directory.CreateTempSubdirectory("serving-load");
    readonly string key = Guid.NewGuid().ToString("N") + Guid.NewGuid().ToString("N");
    readonly Workload workload, tests;
    readonly string engineTexts, mixed, single, idle;
    readonly Lazy<string> manyItems;
    EngineSetting? setting;

    /// <summary>Prepares the load.</summary>
    /// <param name="bundles">What is served.</param>
    /// <param name="items">What is sent.</param>
    /// <param name="wanted">Names of the rows.</param>
    /// <param name="durations">How long.</param>
    /// <param name="output">Where the results go.</param>
    /// <param name="stop">Ends the run.</param>
    public ServingRun(
        ServingBundles bundles, ImmutableArray<ItemData> items, ImmutableHashSet<string> wanted, ServingDurations durations, string output,
        CancellationToken stop)
    {
        (this.bundles, this.wanted, this.durations, this.output, this.stop) = (bundles, wanted, durations, output, stop);
        (workload, tests) = (Workload.Of(items), Workload.OfTests(items));
        engineTexts = Path.Combine(scratch.FullName, "texts.json");
        File.WriteAllBytes(engineTexts, JsonSerializer.SerializeToUtf8Bytes(workload.Responses));
        mixed = Requests("mixed", workload, PerRequest);
        single = Requests("single", workload, 1);
        idle = Requests("idle", workload.OfWords(IdleWords), 1);
        manyItems = new(() => Requests("many-items", SpreadOver(ManyItems), PerRequest));
    }

    /// <summary>The tables.</summary>
    public string Markdown => ServingReport.Markdown([.. table.Rows()], left);

    /// <summary>Measures every row once that is measured in repetitions.</summary>
    public async Task RepeatAsync()
    {
        await EngineAsync(ServingRows.RawEngine, () => bundles.Static);
        await StaticServiceAsync();
        await PeersAsync(ServingRows.SessionPerItem, () => bundles.SessionPerItem, RuntimeSettings);
        await PeersAsync(ServingRows.OneAtATime, () => bundles.Static, OneAtATimeSettings);
        if (wanted.Contains(ServingRows.ManyItems))
        {
            await using var service = await StartAsync([bundles.Repeated(ManyItems)], []);
            await LoadAsync(ServingRows.ManyItems, service, Closed(service, manyItems.Value));
        }
        await EngineAsync(ServingRows.StaticFp32, () => bundles.Static);
        await EngineAsync(ServingRows.StaticRuntime, () => bundles.Static, ServingEngine.Runtime);
        await EngineAsync(ServingRows.StaticInt8, () => bundles.Int8);
        await EngineAsync(ServingRows.Wemoe, () => bundles.Wemoe);
        await EngineAsync(ServingRows.EWemoe, () => bundles.EWemoe);
        await EngineAsync(ServingRows.LowRank, () => bundles.LowRank);
    }

    /// <summary>Measures the rows that are measured once; one that fails is left out.</summary>
    public async Task FinishAsync()
    {
        foreach (var (row, measure) in new (string, Func<Task>)[]
        {
            (ServingRows.Swaps, SwapsAsync), (ServingRows.Million, MillionAsync), (ServingRows.Soak, SoakAsync),
        })
        {
            try
            {
                if (wanted.Contains(row))
                    await measure();
            }
            catch (Exception failed) when (failed is InvalidOperationException or HttpRequestException)
            {
                Leave(row, failed.Message);
            }
        }
    }

    /// <summary>Whether every row that is wanted was measured.</summary>
    public bool IsComplete => left.Count == 0;

    /// <inheritdoc/>
    public void Dispose() => scratch.Delete(recursive: true);

    async Task EngineAsync(string row, Func<string?> bundle, ServingEngine engine = ServingEngine.Auto)
    {
        if (!wanted.Contains(row))
            return;
        if (bundle() is not { } directory)
        {
            Leave(row, "The bundle made with precision int8 stayed in fp32: too few validation responses would have kept their score.");
            return;
        }
        Progress(row);
        var (start, busy) = (Stopwatch.GetTimestamp(), MachineLoad.BusySeconds());
        var summary = await OwnProgram.RunAsync<EnginePlan, EngineSummary>(
            EngineLoop.Verb,
            new(directory, engineTexts, Settings(), durations.Seconds, engine),
            meanwhile: null,
            stop);
        if (engine == ServingEngine.Auto)
            setting ??= summary.Setting;
        var values = new JsonObject
        {
            [ServingRows.Rate] = summary.ResponsesPerSecond,
            ["responsesPerCpuSecond"] = summary.ResponsesPerCpuSecond,
            ["rssBytes"] = summary.ResidentBytes,
            ["otherCores"] = OtherCores(busy, summary.CpuSeconds, Stopwatch.GetElapsedTime(start)),
            ["setting"] = summary.Setting.ToString(),
        };
        if (row == ServingRows.StaticInt8)
            values["agreement"] = await AgreementAsync(directory);
        Add(row, values);

        // The ceiling runs again as it was found to be fastest; every other encoder in the batches that suit it.
        ImmutableArray<EngineSetting> Settings() => setting is null || engine == ServingEngine.Runtime
            ? EngineSetting.Candidates
            : row == ServingRows.StaticFp32 ? [setting] : [.. EngineSetting.Candidates.Where(candidate => candidate.Passes == setting.Passes)];
    }

    async Task<double> AgreementAsync(string int8)
    {
        var (_, quantized) = await ServingBundles.ScoresAsync(int8, tests.Responses, stop);
        var (_, full) = await ServingBundles.ScoresAsync(bundles.Static, tests.Responses, stop);
        return quantized.Zip(full, (a, b) => Math.Round(a) == Math.Round(b) ? 1.0 : 0).Average();
    }

    async Task StaticServiceAsync()
    {
        string[] rows = [ServingRows.Mixed, ServingRows.Mixed + ServingRows.Single, ServingRows.Idle, ServingRows.HalfLoad, ServingRows.Overload];
        if (!wanted.Overlaps(rows))
            return;
        await using var service = await StartAsync([bundles.Static], []);
        await LoadAsync(ServingRows.Mixed, service, Closed(service, mixed));
        await LoadAsync(ServingRows.Mixed + ServingRows.Single, service, Closed(service, single));
        await LoadAsync(ServingRows.Idle, service, Closed(service, idle) with { Connections = 1 });
        if (wanted.Contains(ServingRows.HalfLoad))
            await LoadAsync(ServingRows.HalfLoad, service, HalfLoad(service));
        if (wanted.Contains(ServingRows.Overload))
            await OverloadAsync(service);
    }

    async Task OverloadAsync(ServiceProcess service)
    {
        var (before, rate) = (service.ResidentBytes, 3 * table.Latest(ServingRows.Mixed, ServingRows.Rate)!.Value / PerRequest);
        await LoadAsync(
            ServingRows.Overload,
            service,
            Closed(service, mixed) with
            {
                Connections = OpenConnections,
                RequestsPerSecond = rate,
                WarmUpSeconds = OverloadWarmUpSeconds,
                WarmsUpUntilRefused = true,
                ProbesAdmission = true,
            },
            (values, summary) =>
            {
                var refused = summary.Statuses.GetValueOrDefault(429);
                values["requestsPerSecond"] = rate;
                values["refusedShare"] = (double)refused / Math.Max(1, summary.Requests);
                values["retryAfterShare"] = refused == 0 ? null : (double)summary.WithRetryAfter / refused;
                values["retryAfterSeconds"] = summary.RetryAfterSeconds;
                values["admittedAfterSeconds"] = summary.AdmittedAfterSeconds;
                values["drainSeconds"] = summary.DrainSeconds;
                values["rssBeforeBytes"] = before;
            });
    }

    async Task PeersAsync(string row, Func<string> bundle, ImmutableArray<string> settings)
    {
        if (!wanted.Overlaps([row, row + ServingRows.Single]))
            return;
        await using var service = await StartAsync([bundle()], settings);
        await LoadAsync(row, service, Closed(service, mixed), (values, _) =>
            values["rssRatio"] = (long)values["rssBytes"]! / table.Latest(ServingRows.Mixed, "rssBytes"));
        await LoadAsync(row + ServingRows.Single, service, Closed(service, single));
    }

    async Task SwapsAsync()
    {
        string[] both = [bundles.Static, bundles.FrozenBase];
        await using var service = await StartAsync(both, []);
        var swapped = new Latencies();
        await LoadAsync(
            ServingRows.Swaps,
            service,
            HalfLoad(service) with { Seconds = TimeSpan.FromHours(1).TotalSeconds },
            (values, _) => values["medianSwapMs"] = swapped.Median,
            async () =>
            {
                await Task.Delay(BeforeSwaps, TimeProvider.System, stop);
                for (var swap = 1; swap <= Swaps; swap++)
                {
                    var start = Stopwatch.GetTimestamp();
                    await service.ActivateAsync(Path.GetFileName(both[swap % 2]), stop);
                    swapped.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            });
    }

    async Task MillionAsync()
    {
        Progress(ServingRows.Million);
        await using var service = await StartAsync([bundles.Static], []);
        // Idle is after some load: the first batches make a service as large as it stays.
        await OwnProgram.RunAsync<LoadPlan, LoadSummary>(LoadClient.Verb, Closed(service, mixed), meanwhile: null, stop);
        var (start, busy, cpu, own) = (Stopwatch.GetTimestamp(), MachineLoad.BusySeconds(), service.Cpu, OwnCpu());
        if (await ScoreBatchClient.MeasureAsync(service, workload, durations.BatchResponses, stop) is not { } values)
        {
            Leave(ServingRows.Million, "This version of the service has no POST /v1/score-batches.");
            return;
        }
        Account(values, Stopwatch.GetElapsedTime(start), busy, service.Cpu - cpu, (OwnCpu() - own).TotalSeconds);
        Add(ServingRows.Million, values);
    }

    async Task SoakAsync()
    {
        Progress(ServingRows.Soak);
        string[] both = [bundles.Static, bundles.FrozenBase];
        var soaked = new Workload(workload.Responses[..Math.Min(SoakedResponses, workload.Responses.Length)]);
        var expected = new Expectations(soaked.Responses, []);
        foreach (var bundle in both)
            expected.Probabilities.Add(Path.GetFileName(bundle), (await ServingBundles.ScoresAsync(bundle, soaked.Responses, stop)).Probabilities);
        var path = Path.Combine(scratch.FullName, "expected.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(expected));

        await using var service = await StartAsync(both, []);
        var (start, busy, cpu, memory, swaps) = (Stopwatch.GetTimestamp(), MachineLoad.BusySeconds(), service.Cpu, new List<long>(), 0);
        var summary = await OwnProgram.RunAsync<SoakPlan, SoakSummary>(
            SoakClient.Verb,
            new() { Port = service.Port, Key = key, Expected = path },
            async () =>
            {
                for (var next = BetweenSwaps; Stopwatch.GetElapsedTime(start).TotalSeconds < durations.SoakSeconds;)
                {
                    await Task.Delay(BetweenSamples, TimeProvider.System, stop);
                    memory.Add(service.ResidentBytes);
                    if (Stopwatch.GetElapsedTime(start) < next)
                        continue;
                    await service.ActivateAsync(Path.GetFileName(both[++swaps % 2]), stop);
                    next = Stopwatch.GetElapsedTime(start) + BetweenSwaps;
                }
            },
            stop);
        var elapsed = Stopwatch.GetElapsedTime(start);
        var third = memory.Count / 3;
        var values = new JsonObject
        {
            [ServingRows.Rate] = summary.Responses / elapsed.TotalSeconds,
            ["rssBytes"] = memory[^1],
            // The first third makes the service as large as it stays.
            ["rssGrowth"] = third == 0 ? null : ((double)memory[^third..].Max() / memory[third..(2 * third)].Max()) - 1,
            ["requests"] = summary.Requests,
            ["disconnected"] = summary.Disconnected,
            ["refused"] = summary.Refused,
            ["swaps"] = swaps,
            ["lost"] = summary.Lost,
            ["misplaced"] = summary.Misplaced,
            ["wrong"] = summary.Wrong,
            ["largestDeviation"] = summary.LargestDeviation.ToString("g2", CultureInfo.InvariantCulture),
        };
        Account(values, elapsed, busy, service.Cpu - cpu, clientCpu: null);
        Add(ServingRows.Soak, values);
    }

    /// <summary>Loads a service and adds the row; does nothing where it is not wanted.</summary>
    async Task LoadAsync(
        string row, ServiceProcess service, LoadPlan plan, Action<JsonObject, LoadSummary>? besides = null, Func<Task>? meanwhile = null)
    {
        if (!wanted.Contains(row))
            return;
        Progress(row);
        var (start, busy, cpu) = (Stopwatch.GetTimestamp(), MachineLoad.BusySeconds(), service.Cpu);
        var summary = await OwnProgram.RunAsync<LoadPlan, LoadSummary>(LoadClient.Verb, plan, meanwhile, stop);
        var values = new JsonObject
        {
            [ServingRows.Rate] = summary.ResponsesPerSecond,
            ["p50Ms"] = summary.P50Ms,
            [ServingRows.P99] = summary.P99Ms,
            ["longestMs"] = summary.LongestMs,
            ["rssBytes"] = service.ResidentBytes,
            ["forwardMs"] = summary.ForwardMs,
            ["aboveForwardMs"] = summary.AboveForwardMs,
            ["errors"] = summary.Unanswered + summary.Statuses.Where(status => status.Key is not (200 or 429)).Sum(status => status.Value),
        };
        foreach (var (status, count) in summary.Statuses)
            values[$"status{status}"] = count;
        Account(values, Stopwatch.GetElapsedTime(start), busy, service.Cpu - cpu, summary.CpuSeconds);
        besides?.Invoke(values, summary);
        Add(row, values);
    }

    static void Account(JsonObject values, TimeSpan elapsed, double? busy, TimeSpan serverCpu, double? clientCpu)
    {
        values["serverCores"] = serverCpu / elapsed;
        values["clientCores"] = clientCpu / elapsed.TotalSeconds;
        values["otherCores"] = clientCpu is { } client ? OtherCores(busy, serverCpu.TotalSeconds + client, elapsed) : null;
    }

    // What this process does meanwhile counts among others; it waits.
    static double? OtherCores(double? busyBefore, double ours, TimeSpan elapsed) =>
        MachineLoad.BusySeconds() is { } now && busyBefore is { } before ? Math.Max(0, (now - before - ours) / elapsed.TotalSeconds) : null;

    static TimeSpan OwnCpu() => Environment.CpuUsage.TotalTime;

    LoadPlan Closed(ServiceProcess service, string requests) => new() { Port = service.Port, Requests = requests, Seconds = durations.Seconds };

    LoadPlan HalfLoad(ServiceProcess service) => Closed(service, single) with
    {
        Connections = OpenConnections,
        RequestsPerSecond = table.Latest(ServingRows.Mixed + ServingRows.Single, ServingRows.Rate) / 2,
    };

    Task<ServiceProcess> StartAsync(IReadOnlyList<string> served, ImmutableArray<string> settings) =>
        ServiceProcess.StartAsync(key, served, settings, stop);

    // To copies of the item that the text belongs to, so that a row differs from http-mixed in the number of items only.
    Workload SpreadOver(int copies)
    {
        var items = Bundle.Open(bundles.Static).Manifest.Encoders.Single().Items;
        return workload.To((place, item) => ServingBundles.CopyOf(items.IndexOf(item) + (items.Length * (place % (copies / items.Length)))));
    }

    string Requests(string name, Workload of, int perRequest)
    {
        var path = Path.Combine(scratch.FullName, name);
        Workload.Write(path, of.Requests(perRequest, key));
        return path;
    }

    void Leave(string row, string why)
    {
        Console.Error.WriteLine($"{row} is left out: {why}");
        left[row] = why;
    }

    void Add(string row, JsonObject values)
    {
        table.Add(row, values);
        Results.Write(output, ServingCommand.Name, table.Rows(), Markdown);
    }

    static void Progress(string row) => Console.Error.WriteLine($"measuring {row}");
}
