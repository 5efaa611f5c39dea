using ScoringService.Api.Jobs;

namespace ScoringService.Api.Merging;

/// <summary>Registers the merging of item models.</summary>
static class MergeSetup
{
    public static void AddMerging(this IServiceCollection services) => services.AddKeyedSingleton<IJobHandler, MergeJob>(JobKinds.Merge);
}
