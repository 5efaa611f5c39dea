using System.Globalization;
using Microsoft.EntityFrameworkCore;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Storage;

/// <summary>Registers the storage and creates it when it is not there.</summary>
static class StorageSetup
{
    // Kept in SQLite's user_version. Raise it with every change of the tables, and say here how older databases are brought along.
    const int SchemaVersion = 3;

    /// <summary>What brings a database from a version to the next.</summary>
    static readonly Dictionary<int, string> Upgrades = new()
    {
        [1] =
            """
            CREATE TABLE "ScoreBatches" (
                "Sequence" INTEGER NOT NULL CONSTRAINT "PK_ScoreBatches" PRIMARY KEY AUTOINCREMENT,
                "Id" TEXT NOT NULL,
                "Tenant" TEXT NOT NULL,
                "State" TEXT NOT NULL,
                "Total" INTEGER NOT NULL,
                "Scored" INTEGER NOT NULL,
                "Rejected" INTEGER NOT NULL,
                "CreatedAt" TEXT NOT NULL,
                "FinishedAt" TEXT NULL,
                "Problem" TEXT NULL
            );
            CREATE UNIQUE INDEX "IX_ScoreBatches_Id" ON "ScoreBatches" ("Id");
            CREATE INDEX "IX_ScoreBatches_State_Tenant_Sequence" ON "ScoreBatches" ("State", "Tenant", "Sequence");
            """,
        [2] = """ALTER TABLE "Responses" ADD COLUMN "SecondLabels" TEXT NULL;""",
    };

    public static void AddStorage(this IServiceCollection services)
    {
        services.AddOptions<StorageOptions>().BindConfiguration("Storage").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<DataDirectory>();
        services.AddDbContextFactory<ScoringDb>((provider, options) =>
            options.UseSqlite($"Data Source={provider.GetRequiredService<DataDirectory>().Database};Foreign Keys=True"));
    }

    /// <summary>Creates the data directory and the tables, or checks that they are of this version.</summary>
    /// <exception cref="InvalidOperationException">The database was made by another version of the service.</exception>
    public static void OpenStorage(this IServiceProvider services)
    {
        var directory = services.GetRequiredService<DataDirectory>();
        Directory.CreateDirectory(directory.Root);
        foreach (var parent in new[] { directory.Bundles, directory.BaseModels, directory.Uploads, directory.ScoreBatches })
            AtomicDirectory.RemoveLeftovers(parent);
        using var db = services.GetRequiredService<IDbContextFactory<ScoringDb>>().CreateDbContext();
        if (db.Database.EnsureCreated())
            SetVersion(db, SchemaVersion);

        db.Database.ExecuteSqlRaw("PRAGMA journal_mode = WAL");
        var version = Version(db);
        for (; Upgrades.TryGetValue(version, out var upgrade); version++)
        {
            using var transaction = db.Database.BeginTransaction();
            db.Database.ExecuteSqlRaw(upgrade);
            SetVersion(db, version + 1);
            transaction.Commit();
        }

        if (version != SchemaVersion)
            throw new InvalidOperationException(
                $"{directory.Database} has schema version {version}; this build reads version {SchemaVersion}. "
                + "Run the build that made it, or set Storage__DataDirectory to another directory.");
    }

    static int Version(ScoringDb db) => db.Database.SqlQueryRaw<int>("SELECT user_version AS Value FROM pragma_user_version").Single();

    static void SetVersion(ScoringDb db, int version) =>
        db.Database.ExecuteSqlRaw(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {version}"));
}
