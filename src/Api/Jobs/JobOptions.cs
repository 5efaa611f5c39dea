using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.Jobs;

/// <summary>How jobs run; section <c>Jobs</c>.</summary>
sealed class JobOptions
{
    /// <summary>Threads that a job works with.</summary>
    /// <value>Default: as many as there are processors.</value>
    [Range(1, 1024)]
    public int Threads { get; set; } = Environment.ProcessorCount;
}
