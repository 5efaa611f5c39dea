using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Security;

/// <summary>Creates, finds and revokes API keys.</summary>
sealed class ApiKeys(IDbContextFactory<ScoringDb> databases, TimeProvider time)
{
    // Keys also change from the command line, in another process: within this time they are seen here.
    static readonly TimeSpan SnapshotLifetime = TimeSpan.FromSeconds(1);

    volatile Snapshot? snapshot;

    /// <summary>Stores a key and returns it; this is the only time it can be read.</summary>
    /// <param name="tenant">Whose key it is.</param>
    /// <param name="scopes">What it may do.</param>
    /// <param name="secret">The key to store; null makes a new one of 256 random bits.</param>
    public (string Key, ApiKeyRow Row) Create(string tenant, IEnumerable<string> scopes, string? secret = null)
    {
        var key = secret ?? $"sk-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32))}";
        var row = new ApiKeyRow
        {
            Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)),
            Tenant = tenant,
            Scopes = [.. scopes],
            Hash = Hash(key),
            CreatedAt = time.GetUtcNow(),
        };
        using var db = databases.CreateDbContext();
        db.ApiKeys.Add(row);
        db.SaveChanges();
        snapshot = null;
        return (key, row);
    }

    /// <summary>All keys, live and revoked, oldest first.</summary>
    public IReadOnlyList<ApiKeyRow> List()
    {
        using var db = databases.CreateDbContext();
        return [.. db.ApiKeys.AsNoTracking().OrderBy(key => key.CreatedAt)];
    }

    /// <summary>Refuses a key from now on.</summary>
    /// <returns>False when there is no live key of that id.</returns>
    public bool Revoke(string id)
    {
        var now = time.GetUtcNow();
        using var db = databases.CreateDbContext();
        var revoked = db.ApiKeys
            .Where(key => key.Id == id && key.RevokedAt == null)
            .ExecuteUpdate(set => set.SetProperty(key => key.RevokedAt, now));
        snapshot = null;
        return revoked == 1;
    }

    /// <summary>Whether any key would be accepted.</summary>
    public bool AnyLive() => Live().Length > 0;

    /// <summary>The live key that was presented, or null.</summary>
    public ApiKeyRow? Find(string presented)
    {
        var hash = Hash(presented);
        ApiKeyRow? found = null;
        foreach (var key in Live())
        {
            if (CryptographicOperations.FixedTimeEquals(key.Hash, hash))
                found = key;
        }

        return found;
    }

    ApiKeyRow[] Live()
    {
        var current = snapshot;
        if (current is null || time.GetElapsedTime(current.TakenAt) > SnapshotLifetime)
        {
            using var db = databases.CreateDbContext();
            var takenAt = time.GetTimestamp();
            current = new Snapshot(takenAt, [.. db.ApiKeys.AsNoTracking().Where(key => key.RevokedAt == null)]);
            snapshot = current;
        }

        return current.Keys;
    }

    static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    sealed record Snapshot(long TakenAt, ApiKeyRow[] Keys);
}
