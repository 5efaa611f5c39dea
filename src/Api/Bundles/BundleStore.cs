using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Bundles;

/// <summary>The published bundles and the history of their activations.</summary>
sealed class BundleStore(IDbContextFactory<ScoringDb> databases, TimeProvider time)
{
    /// <summary>Adds a bundle that lies complete in its directory; one that is known already stays as it is.</summary>
    public void Add(BundleRow bundle)
    {
        using var db = databases.CreateDbContext();
        if (db.Bundles.Find(bundle.Id) is not null)
            return;
        db.Bundles.Add(bundle);
        db.SaveChanges();
    }

    /// <summary>All bundles, newest first.</summary>
    public async Task<BundleList> List(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var active = await Active(db, stop);
        var rows = await db.Bundles.AsNoTracking().OrderByDescending(bundle => bundle.CreatedAt).ToListAsync(stop);
        return new([.. rows.Select(row => BundleView.Of(row, active))]);
    }

    /// <summary>One bundle, or null.</summary>
    public async Task<BundleView?> Find(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var row = await db.Bundles.AsNoTracking().SingleOrDefaultAsync(bundle => bundle.Id == id, stop);
        return row is null ? null : BundleView.Of(row, await Active(db, stop));
    }

    /// <summary>Id of the bundle that is to answer requests, or null.</summary>
    public async Task<string?> Active(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        return await Active(db, stop);
    }

    /// <summary>Id of the bundle that was active before the present one, or null.</summary>
    public async Task<string?> Previous(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        return await db.Activations.OrderByDescending(activation => activation.Sequence).Skip(1)
            .Select(activation => activation.BundleId).FirstOrDefaultAsync(stop);
    }

    /// <summary>Notes that a bundle answers requests from now on.</summary>
    public async Task Activated(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        if (await Active(db, stop) == id)
            return;
        db.Activations.Add(new() { BundleId = id, At = time.GetUtcNow() });
        await db.SaveChangesAsync(stop);
    }

    /// <summary>Notes that the bundle before the present one answers again.</summary>
    public async Task RolledBack(CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        await db.Activations.OrderByDescending(activation => activation.Sequence).Take(1).ExecuteDeleteAsync(stop);
    }

    /// <summary>Forgets a bundle that is not active, and that it ever was.</summary>
    public async Task Remove(string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        await using var transaction = await db.Database.BeginTransactionAsync(stop);
        await db.Bundles.Where(bundle => bundle.Id == id).ExecuteDeleteAsync(stop);

        // Two activations of one bundle in a row would make a rollback go nowhere.
        var history = await db.Activations.OrderBy(activation => activation.Sequence).ToListAsync(stop);
        foreach (var (earlier, later) in history.Zip(history.Skip(1)))
        {
            if (earlier.BundleId == later.BundleId)
                db.Activations.Remove(later);
        }

        await db.SaveChangesAsync(stop);
        await transaction.CommitAsync(stop);
    }

    static Task<string?> Active(ScoringDb db, CancellationToken stop) =>
        db.Activations.OrderByDescending(activation => activation.Sequence).Select(activation => activation.BundleId).FirstOrDefaultAsync(stop)!;
}
