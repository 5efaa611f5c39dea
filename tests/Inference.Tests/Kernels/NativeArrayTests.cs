using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Tests.Kernels;

public sealed class NativeArrayTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(1 << 15)]
    [InlineData((1 << 20) + 3)]
    public unsafe void It_holds_its_numbers_at_the_start_of_a_cache_line_until_it_is_disposed(int length)
    {
        using var array = new NativeArray<int>(length);
        Assert.Equal(0, (nint)array.Start % 64);

        for (var i = 0; i < length; i++)
            array.Start[i] = i;

        Assert.Equal(Enumerable.Range(0, length), array.Span(0, length).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => array.Span(1, length));
        array.Dispose();
        array.Dispose();
        Assert.Throws<ObjectDisposedException>(() => array.Span(0, 0));
    }

    [Fact]
    public void More_than_the_system_has_is_refused() => Assert.ThrowsAny<OutOfMemoryException>(() => new NativeArray<double>(1L << 50));
}
