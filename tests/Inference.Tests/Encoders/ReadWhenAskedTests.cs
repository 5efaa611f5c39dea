using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Encoders;

public sealed class ReadWhenAskedTests
{
    [Fact]
    public void What_is_asked_for_is_read_each_time_anew_and_nothing_else_is()
    {
        var read = new List<string>();
        var parts = new ReadWhenAsked<int>(["one", "three", "five"], name =>
        {
            read.Add(name);
            return name.Length;
        });

        Assert.Equal(3, parts.Count);
        Assert.Equal(["five", "one", "three"], parts.Keys.Order());
        Assert.True(parts.ContainsKey("one"));
        Assert.False(parts.TryGetValue("two", out _));
        Assert.Throws<KeyNotFoundException>(() => parts["two"]);
        Assert.Empty(read);

        Assert.Equal(5, parts["three"]);
        Assert.True(parts.TryGetValue("three", out var again));
        Assert.Equal(5, again);
        Assert.Equal(["three", "three"], read);
        Assert.Equal(12, parts.Sum(part => part.Value));
    }
}
