using System.Text.Json;
using ScoringService.Merging.Search;

namespace ScoringService.Merging.Tests.Search;

/// <summary>Made-up outcomes of methods.</summary>
static class Candidates
{
    public static SearchCandidate Finished(double? qwk, long bytes, bool? holdsFloor = null) => new()
    {
        Name = $"{qwk} in {bytes}",
        Method = JsonSerializer.SerializeToElement(new { name = "simple-average" }),
        ValidationQwk = qwk,
        Bytes = bytes,
        HoldsFloor = holdsFloor,
        Seconds = 1,
    };

    public static SearchCandidate Failed() => Finished(null, 0) with { Reason = "Failed." };

    public static Trial Trial(double? qwk, long bytes, bool? holdsFloor = null) => new([], qwk, bytes, holdsFloor);
}
