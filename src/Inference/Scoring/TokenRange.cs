namespace ScoringService.Inference.Scoring;

/// <summary>Lengths of responses in tokens, <c>[CLS]</c> and <c>[SEP]</c> included.</summary>
/// <param name="Shortest">The shortest.</param>
/// <param name="Longest">The longest.</param>
public sealed record TokenRange(int Shortest, int Longest)
{
    /// <summary>Whether a length lies within.</summary>
    public bool Contains(int tokens) => tokens >= Shortest && tokens <= Longest;
}
