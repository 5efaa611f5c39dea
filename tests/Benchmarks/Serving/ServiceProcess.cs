extern alias Api;

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Api::ScoringService.Api.Bundles;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Inference.Bundles;

namespace ScoringService.Benchmarks.Serving;

/// <summary>
/// The service as it is delivered, in a process of its own with a data directory of its own, on a free port of the loopback interface.
/// </summary>
sealed class ServiceProcess : IAsyncDisposable
{
    const int LinesKept = 20;

    static readonly string Assembly = Path.Combine(AppContext.BaseDirectory, "ScoringService.Api.dll");
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), BetweenLooks = TimeSpan.FromMilliseconds(100);

    readonly Process process;
    readonly DirectoryInfo data;
    readonly ConcurrentQueue<string> lines = new();

    ServiceProcess(Process process, DirectoryInfo data, int port, string key)
    {
        (this.process, this.data, Port) = (process, data, port);
        Client = new() { BaseAddress = new($"http://127.0.0.1:{port}"), Timeout = Timeout.InfiniteTimeSpan };
        Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        AppDomain.CurrentDomain.ProcessExit += Kill;
    }

    /// <summary>Its port.</summary>
    public int Port { get; }

    /// <summary>May do everything.</summary>
    public HttpClient Client { get; }

    /// <summary>Processor time so far.</summary>
    public TimeSpan Cpu => Now.TotalProcessorTime;

    /// <summary>Resident memory, in bytes; mapped weights count.</summary>
    public long ResidentBytes => Now.WorkingSet64;

    /// <summary>The largest resident memory since <see cref="ForgetPeak"/>.</summary>
    public long PeakBytes => Now.PeakWorkingSet64;

    Process Now
    {
        get
        {
            process.Refresh();
            return process;
        }
    }

    /// <summary>Starts the service and lets the first bundle answer.</summary>
    /// <param name="key">API key.</param>
    /// <param name="bundles">Directories of the bundles it has.</param>
    /// <param name="settings">Settings besides those that any measurement needs, as <c>--Section:Name=value</c>.</param>
    /// <param name="stop">Gives up.</param>
    public static async Task<ServiceProcess> StartAsync(
        string key, IReadOnlyList<string> bundles, IEnumerable<string> settings, CancellationToken stop)
    {
        var data = Directory.CreateTempSubdirectory("serving");
        var port = FreePort();
        string[] all =
        [
            "--environment=Production", $"--urls=http://127.0.0.1:{port}", $"--Storage:DataDirectory={data.FullName}",
            $"--Security:BootstrapKey={key}", "--Security:ScoringRequestsPerSecond=1000000", "--Security:AdminRequestsPerSecond=100000",
            "--FirstStart:SeedSamples=false", "--Logging:LogLevel:Default=Warning", .. settings,
        ];
        await Register(all, data.FullName, bundles);
        var start = new ProcessStartInfo("dotnet", [Assembly, .. all]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var service = new ServiceProcess(Process.Start(start)!, data, port, key);
        try
        {
            await service.Listens(stop);
            await service.ActivateAsync(Path.GetFileName(bundles[0]), stop);
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets another bundle answer.</summary>
    /// <exception cref="HttpRequestException">The service refused.</exception>
    public async Task ActivateAsync(string id, CancellationToken stop)
    {
        using var answer = await Client.PostAsync(new Uri($"/v1/admin/bundles/{id}/activate", UriKind.Relative), content: null, stop);
        if (!answer.IsSuccessStatusCode)
            throw new HttpRequestException($"Bundle {id} was not activated: {await answer.Content.ReadAsStringAsync(stop)}");
    }

    /// <summary>Lets <see cref="PeakBytes"/> begin anew, where the system can.</summary>
    public void ForgetPeak()
    {
        var control = $"/proc/{process.Id}/clear_refs";
        if (File.Exists(control))
            File.WriteAllText(control, "5");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= Kill;
        Client.Dispose();
        Kill(null, EventArgs.Empty);
        await process.WaitForExitAsync();
        process.Dispose();
        data.Delete(recursive: true);
    }

    // Also when this program is told to end: the service would outlive it.
    void Kill(object? sender, EventArgs e)
    {
        if (!process.HasExited)
            process.Kill();
    }

    // What a merge job does when it publishes; merging here and not in the service keeps a measurement from waiting for it.
    static async Task Register(string[] settings, string data, IReadOnlyList<string> bundles)
    {
        await using var app = Api::Program.Build(settings);
        Api::Program.Prepare(app.Services);
        foreach (var bundle in bundles)
        {
            var id = Path.GetFileName(bundle);
            Directory.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(Path.Combine(data, "bundles")).FullName, id), bundle);
            app.Services.GetRequiredService<BundleStore>().Add(BundleRow.Of(id, Bundle.Open(bundle).Manifest));
        }
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    async Task Listens(CancellationToken stop)
    {
        for (var waited = TimeSpan.Zero; ; waited += BetweenLooks)
        {
            try
            {
                using var answer = await Client.GetAsync(new Uri("/health/live", UriKind.Relative), stop);
                return;
            }
            catch (HttpRequestException) when (waited < Patience && !process.HasExited)
            {
                await Task.Delay(BetweenLooks, TimeProvider.System, stop);
            }
            catch (HttpRequestException silent)
            {
                throw new InvalidOperationException($"The service does not listen. It wrote: {string.Join('\n', lines)}", silent);
            }
        }
    }

    void Keep(string? line)
    {
        if (line is null)
            return;
        lines.Enqueue(line);
        if (lines.Count > LinesKept)
            lines.TryDequeue(out _);
    }
}
