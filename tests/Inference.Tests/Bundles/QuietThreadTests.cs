using ScoringService.Inference.Bundles;

namespace ScoringService.Inference.Tests.Bundles;

public sealed class QuietThreadTests
{
    [Fact]
    public void What_the_work_gives_or_throws_comes_back()
    {
        Assert.Equal(42, QuietThread.Run(() => 42));
        var thrown = Assert.Throws<InvalidBundleException>(() => QuietThread.Run<int>(() => throw new InvalidBundleException("directory", "lacks a file.")));
        Assert.Contains("lacks a file", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void On_Linux_the_work_gives_way_and_the_thread_that_waits_keeps_its_priority()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var before = Niceness();

        var within = QuietThread.Run(Niceness);

        Assert.Equal(Math.Min(19, before + 5), within);
        Assert.Equal(before, Niceness());
    }

    // The fields behind the name, which may hold spaces, begin with the third; niceness is the 19th.
    static int Niceness() => int.Parse(
        File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[16], System.Globalization.CultureInfo.InvariantCulture);
}
