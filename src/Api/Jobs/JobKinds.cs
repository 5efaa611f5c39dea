namespace ScoringService.Api.Jobs;

/// <summary>The kinds of jobs, by which their handlers are registered.</summary>
static class JobKinds
{
    public const string Training = "training";

    public const string Merge = "merge";
}
