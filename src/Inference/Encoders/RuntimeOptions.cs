using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.ML.OnnxRuntime;

namespace ScoringService.Inference.Encoders;

/// <summary>Where models run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExecutionProvider>))]
public enum ExecutionProvider
{
    /// <summary>On the processor.</summary>
    [JsonStringEnumMemberName("cpu")] Cpu,

    /// <summary>On an NVIDIA GPU; an error where that is impossible.</summary>
    [JsonStringEnumMemberName("cuda")] Cuda,

    /// <summary>On an NVIDIA GPU where that is possible, otherwise on the processor.</summary>
    [JsonStringEnumMemberName("auto")] Auto,
}

/// <summary>How ONNX Runtime runs models.</summary>
public sealed record RuntimeOptions
{
    /// <summary>Where models run. Default <c>cpu</c>.</summary>
    public ExecutionProvider Provider { get; init; } = ExecutionProvider.Cpu;

    /// <summary>Threads that work on one forward pass or training step; 0 takes one per physical core. Default 0.</summary>
    [Range(0, 1024)] public int Threads { get; init; }

    /// <summary>Opens a session where <see cref="Provider"/> says.</summary>
    /// <param name="open">Opens the model with the options it is given; called again if CUDA fails and <c>auto</c> falls back.</param>
    /// <exception cref="InvalidOperationException"><c>cuda</c> was asked for and is not to be had.</exception>
    public OpenedSession Open(Func<SessionOptions, InferenceSession> open)
    {
        if (Provider == ExecutionProvider.Cpu)
            return new(OpenOn(cuda: false, open), OnCuda: false, FallbackReason: null);
        try
        {
            return new(OpenOn(cuda: true, open), OnCuda: true, FallbackReason: null);
        }
        // The first from a runtime that knows CUDA but misses its libraries or a GPU, the second from one built without it.
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException)
        {
            var reason = e is EntryPointNotFoundException ? "this build of ONNX Runtime is for CPU only" : e.Message.Trim();
            return Provider == ExecutionProvider.Auto
                ? new(OpenOn(cuda: false, open), OnCuda: false, $"CUDA is not available: {reason}")
                : throw new InvalidOperationException(
                    $"Execution provider 'cuda' cannot be used: {reason}. Build with -p:Accelerator=cuda and install the NVIDIA driver, CUDA 13 and "
                    + "cuDNN 9, or choose 'cpu', or 'auto' to use the processor where there is no GPU.", e);
        }
    }

    InferenceSession OpenOn(bool cuda, Func<SessionOptions, InferenceSession> open)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = Threads,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            // Planned buffers are kept per input shape: with ever new shapes that is a leak.
            EnableMemoryPattern = false,
        };
        // Idle threads would spin on cores that other sessions and the web server need.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        if (cuda)
            options.AppendExecutionProvider_CUDA();
        return open(options);
    }
}

/// <summary>A session and where it runs.</summary>
/// <param name="Session">The session.</param>
/// <param name="OnCuda">Whether it runs on a GPU.</param>
/// <param name="FallbackReason">Why <see cref="ExecutionProvider.Auto"/> runs on the processor; null if it does not, or nothing else was asked for.</param>
public sealed record OpenedSession(InferenceSession Session, bool OnCuda, string? FallbackReason);
