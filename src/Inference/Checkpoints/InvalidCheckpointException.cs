namespace ScoringService.Inference.Checkpoints;

/// <summary>A model file breaks a rule of its format, or does not hold the model that its configuration describes.</summary>
/// <param name="file">Path of the file.</param>
/// <param name="tensor">Tensor at fault; null when the file as a whole is.</param>
/// <param name="reason">What is wrong and, where it helps, what to do: a clause that follows the file or the tensor.</param>
public sealed class InvalidCheckpointException(string file, string? tensor, string reason)
    : Exception(Describe(file, tensor, reason))
{
    /// <summary>Path of the file.</summary>
    public string File { get; } = file;

    /// <summary>Tensor at fault; null when the file as a whole is.</summary>
    public string? Tensor { get; } = tensor;

    /// <summary>What is wrong: the message without file and tensor.</summary>
    public string Reason { get; } = reason;

    /// <summary>The message with the file's name instead of its path, which is nobody's business but this machine's.</summary>
    public string MessageWithoutPath => Describe(Path.GetFileName(File), Tensor, Reason);

    static string Describe(string file, string? tensor, string reason) => tensor is null ? $"{file} {reason}" : $"{file}: tensor '{tensor}' {reason}";
}
