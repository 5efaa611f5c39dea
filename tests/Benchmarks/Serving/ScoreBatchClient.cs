using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Scoring;

namespace ScoringService.Benchmarks.Serving;

/// <summary>Sends a workload over and over as one score batch, and reads the results back.</summary>
static class ScoreBatchClient
{
    static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(500);

    /// <summary>Has a number of responses scored.</summary>
    /// <returns>What was measured; null where the service has no score batches.</returns>
    /// <exception cref="InvalidOperationException">The batch failed, or results are missing or out of order.</exception>
    public static async Task<JsonObject?> MeasureAsync(ServiceProcess service, Workload workload, int responses, CancellationToken stop)
    {
        var batches = new Uri("/v1/score-batches", UriKind.Relative);
        // A route that takes POST only says so; one that is not there is not found.
        using (var known = await service.Client.GetAsync(batches, stop))
        {
            if (known.StatusCode == HttpStatusCode.NotFound)
                return null;
        }
        var idle = service.ResidentBytes;
        service.ForgetPeak();
        var start = Stopwatch.GetTimestamp();
        using var posted = await service.Client.PostAsync(batches, new Lines(workload, responses), stop);
        if (posted.StatusCode != HttpStatusCode.Accepted)
            throw new InvalidOperationException($"The batch was answered {(int)posted.StatusCode}: {await posted.Content.ReadAsStringAsync(stop)}");
        var uploaded = Stopwatch.GetElapsedTime(start);

        var batch = posted.Headers.Location!;
        var state = await EndAsync(service, batch, stop);
        var elapsed = Stopwatch.GetElapsedTime(start);
        var peak = service.PeakBytes;
        if (state["state"]!.GetValue<string>() != "succeeded")
            throw new InvalidOperationException($"The batch ended so: {state.ToJsonString()}");
        await CheckResultsAsync(service, batch, responses, stop);
        return new()
        {
            [ServingRows.Rate] = responses / elapsed.TotalSeconds,
            ["rssBytes"] = peak,
            ["aboveIdleBytes"] = peak - idle,
            ["responses"] = responses,
            ["seconds"] = elapsed.TotalSeconds,
            ["uploadSeconds"] = uploaded.TotalSeconds,
            ["peakWhileReadBytes"] = service.PeakBytes,
        };
    }

    static async Task<JsonObject> EndAsync(ServiceProcess service, Uri batch, CancellationToken stop)
    {
        while (true)
        {
            var state = JsonNode.Parse(await service.Client.GetStringAsync(batch, stop))!.AsObject();
            if (state["state"]!.GetValue<string>() is not ("queued" or "running"))
                return state;
            await Task.Delay(BetweenLooks, TimeProvider.System, stop);
        }
    }

    static async Task CheckResultsAsync(ServiceProcess service, Uri batch, int responses, CancellationToken stop)
    {
        var address = new Uri($"{batch.OriginalString}/results", UriKind.RelativeOrAbsolute);
        using var results = new StreamReader(await service.Client.GetStreamAsync(address, stop));
        var read = 0;
        while (await results.ReadLineAsync(stop) is { } line)
        {
            if (!line.Contains($"\"responseId\":\"{read}\"", StringComparison.Ordinal))
                throw new InvalidOperationException($"Result {read} of the batch is {line}");
            read++;
        }
        if (read != responses)
            throw new InvalidOperationException($"The batch of {responses} responses has {read} results.");
    }

    /// <summary>Responses as NDJSON, written while they are sent.</summary>
    sealed class Lines : HttpContent
    {
        readonly Workload workload;
        readonly int responses;

        public Lines(Workload workload, int responses)
        {
            (this.workload, this.responses) = (workload, responses);
            Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            // Not disposed: that would close the request.
            var buffered = new BufferedStream(stream, 1 << 16);
            for (var i = 0; i < responses; i++)
            {
                ResponseToScore response = workload.Responses[i % workload.Responses.Length] with { ResponseId = $"{i}" };
                await buffered.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(response, JsonSerializerOptions.Web));
                buffered.WriteByte((byte)'\n');
            }
            await buffered.FlushAsync();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
