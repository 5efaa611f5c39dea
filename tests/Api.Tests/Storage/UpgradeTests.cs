using Microsoft.Data.Sqlite;

namespace ScoringService.Api.Tests.Storage;

public sealed class UpgradeTests
{
    [Fact]
    public async Task A_database_without_score_batches_gets_the_tables_of_a_new_one()
    {
        using var directory = new TemporaryDirectory();
        await using (await RunningService.Start(directory.Path))
        {
        }

        var fresh = Tables(directory.Path);
        Execute(directory.Path, "DROP TABLE ScoreBatches; ALTER TABLE Responses DROP COLUMN SecondLabels; PRAGMA user_version = 1");
        Assert.NotEqual(fresh, Tables(directory.Path));

        await using (await RunningService.Start(directory.Path))
        {
        }

        Assert.Equal(fresh, Tables(directory.Path));
    }

    [Fact]
    public async Task A_database_of_a_later_version_stops_the_start()
    {
        using var directory = new TemporaryDirectory();
        await using (await RunningService.Start(directory.Path))
        {
        }

        Execute(directory.Path, "PRAGMA user_version = 1000");

        await Assert.ThrowsAsync<InvalidOperationException>(() => RunningService.Start(directory.Path));
    }

    static List<string> Tables(string directory)
    {
        using var database = Open(directory);
        using var query = database.CreateCommand();
        // Columns by name: one that was added later stands in another place.
        query.CommandText =
            """
            SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'
            UNION SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
            ORDER BY 1
            """;
        using var rows = query.ExecuteReader();
        var tables = new List<string>();
        while (rows.Read())
            tables.Add(rows.GetString(0));
        return tables;
    }

    static void Execute(string directory, string sql)
    {
        using var database = Open(directory);
        using var command = database.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    static SqliteConnection Open(string directory)
    {
        var database = new SqliteConnection($"Data Source={Path.Combine(directory, "scoring.db")}");
        database.Open();
        return database;
    }
}
