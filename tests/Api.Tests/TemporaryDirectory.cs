namespace ScoringService.Api.Tests;

/// <summary>A directory of one test's own, deleted with it.</summary>
sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("scoring-").FullName;

    public void Dispose()
    {
        // A pooled connection would keep the database's files open.
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(Path, recursive: true);
    }
}
