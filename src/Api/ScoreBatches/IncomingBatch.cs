using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>A batch that is being received: its responses go to a file, until one is refused.</summary>
/// <param name="file">The file.</param>
/// <param name="maxResponses">Most responses.</param>
/// <param name="maxTextLength">UTF-16 characters that a text may have.</param>
sealed class IncomingBatch(ResponseFile.Writer file, int maxResponses, int maxTextLength)
{
    const int MaxFaults = 20;

    int faults;

    /// <summary>UTF-16 characters that a text may have.</summary>
    public int MaxTextLength => maxTextLength;

    /// <summary>Most responses.</summary>
    public int MaxResponses => maxResponses;

    /// <summary>Responses taken.</summary>
    public int Count { get; private set; }

    /// <summary>Whether nothing more is worth reading.</summary>
    public bool IsRefused { get; private set; }

    /// <summary>What is wrong.</summary>
    public Validation Validation { get; } = new();

    /// <summary>Takes a response, unless there are too many.</summary>
    public bool TryAdd(ResponseToScore response)
    {
        if (Count == maxResponses)
            return false;
        Count++;
        if (!Validation.Failed)
            file.Add(response);
        return true;
    }

    /// <summary>Notes a fault. A few are collected, so that they can be put right together.</summary>
    /// <param name="place">Where it stands.</param>
    /// <param name="message">What is wrong.</param>
    public void Refuse((string Path, string Prefix) place, string message)
    {
        Validation.Require(false, place.Path, place.Prefix + message);
        IsRefused |= ++faults == MaxFaults;
    }

    /// <summary>Notes a fault beyond which nothing can be read.</summary>
    /// <param name="place">Where it stands.</param>
    /// <param name="message">What is wrong.</param>
    public void RefuseRest((string Path, string Prefix) place, string message)
    {
        Refuse(place, message);
        IsRefused = true;
    }

    /// <summary>Lets go of what is ready to be written.</summary>
    public ValueTask Flush(CancellationToken stop) => file.Flush(stop);
}
