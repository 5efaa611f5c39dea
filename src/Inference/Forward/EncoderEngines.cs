using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Forward;

/// <summary>Opens encoders in memory on the engine that is fastest on this machine.</summary>
public static class EncoderEngines
{
    /// <summary>Opens an encoder; its tensors may be read in place.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="output">What it returns.</param>
    /// <param name="runtime">How ONNX Runtime runs it, where our kernels do not.</param>
    /// <exception cref="InvalidOperationException">The execution provider cannot be used.</exception>
    public static IEncoder Open(EncoderModel model, EncoderOutput output, RuntimeOptions runtime)
    {
        var byKernels = RaggedEncoder.IsFast && runtime.Provider == ExecutionProvider.Cpu && RaggedEncoder.Runs(model);
        return byKernels ? new RaggedEncoder(model, output) : EncoderSession.Create(model, output, runtime);
    }
}
