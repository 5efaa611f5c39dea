using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class AtomicDirectoryTests : IDisposable
{
    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_published_directory_holds_everything_and_nothing_else_remains()
    {
        using (var staging = AtomicDirectory.Stage(directory["parent"]))
        {
            Directory.CreateDirectory(Path.Combine(staging.Path, "inner"));
            File.WriteAllText(Path.Combine(staging.Path, "inner", "file"), "text");
            Assert.False(Directory.Exists(Path.Combine(directory["parent"], "model")));

            Assert.True(staging.Publish("model"));
        }

        Assert.Equal("text", File.ReadAllText(Path.Combine(directory["parent"], "model", "inner", "file")));
        Assert.Equal(Path.Combine(directory["parent"], "model"), Assert.Single(Directory.GetFileSystemEntries(directory["parent"])));
    }

    [Fact]
    public void What_is_not_published_disappears()
    {
        using (var staging = AtomicDirectory.Stage(directory.Path)) File.WriteAllText(Path.Combine(staging.Path, "file"), "text");

        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_taken_name_is_left_as_it_was()
    {
        foreach (var content in new[] { "first", "second" })
        {
            using var staging = AtomicDirectory.Stage(directory.Path);
            File.WriteAllText(Path.Combine(staging.Path, "file"), content);
            Assert.Equal(content == "first", staging.Publish("model"));
        }

        Assert.Equal("first", File.ReadAllText(Path.Combine(directory["model"], "file")));
        Assert.Single(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void Leftovers_of_a_killed_process_are_removed_and_work_in_progress_is_not()
    {
        Directory.CreateDirectory(directory[".staging-0123"]);
        File.WriteAllText(Path.Combine(directory[".staging-0123"], "half"), "");
        File.WriteAllText(directory[".staging-0123.lock"], "");
        Directory.CreateDirectory(directory[".staging-4567"]);
        Directory.CreateDirectory(directory["model"]);
        using var alive = AtomicDirectory.Stage(directory.Path);

        Assert.Equal(2, AtomicDirectory.RemoveLeftovers(directory.Path));

        Assert.True(Directory.Exists(alive.Path));
        Assert.True(Directory.Exists(directory["model"]));
        Assert.Equal(3, Directory.GetFileSystemEntries(directory.Path).Length);
        Assert.True(alive.Publish("other"));
    }

    [Fact]
    public void A_parent_that_is_missing_has_no_leftovers() => Assert.Equal(0, AtomicDirectory.RemoveLeftovers(directory["nowhere"]));

    [Fact]
    public void A_file_is_replaced_as_a_whole()
    {
        var path = directory["settings"];
        AtomicFile.Write(path, "a long old content"u8);
        AtomicFile.Write(path, "new"u8);

        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal(path, Assert.Single(Directory.GetFileSystemEntries(directory.Path)));
    }
}
