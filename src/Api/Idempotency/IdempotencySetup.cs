using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Idempotency;

/// <summary>Registers idempotent POSTs.</summary>
static class IdempotencySetup
{
    public static void AddIdempotency(this IServiceCollection services) => services.AddSingleton<IdempotentPosts>();

    /// <summary>Releases the keys of requests that an earlier run of the service did not finish.</summary>
    public static void ReleaseIdempotencyKeys(this IServiceProvider services)
    {
        using var db = services.GetRequiredService<IDbContextFactory<ScoringDb>>().CreateDbContext();
        db.IdempotencyRecords.Where(record => record.Status == null).ExecuteDelete();
    }
}
