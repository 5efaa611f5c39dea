using System.Globalization;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Marks routes whose answers say how long they took.</summary>
[AttributeUsage(AttributeTargets.Method)]
sealed class TimedAttribute : Attribute
{
    const string Queue = "X-Queue-Time";
    const string Inference = "X-Inference-Time";
    const string Total = "X-Total-Time";

    /// <summary>The headers and what they mean.</summary>
    public static readonly (string Name, string Meaning)[] Headers =
    [
        (Queue, "How long the responses waited, in ms."),
        (Inference, "How long the encoders ran, in ms."),
        (Total, "How long the request took, in ms."),
    ];

    /// <summary>Writes the headers.</summary>
    public static void Write(IHeaderDictionary headers, ScoredBatch scored, TimeSpan total)
    {
        headers[Queue] = Milliseconds(scored.QueueTime);
        headers[Inference] = Milliseconds(scored.InferenceTime);
        headers[Total] = Milliseconds(total);
    }

    static string Milliseconds(TimeSpan duration) => duration.TotalMilliseconds.ToString("F3", CultureInfo.InvariantCulture);
}
