namespace ScoringService.Benchmarks.Serving;

/// <summary>When requests come of many people who know nothing of one another: a Poisson process.</summary>
static class Arrivals
{
    /// <summary>Times of arrival from the start on, without end.</summary>
    /// <param name="perSecond">Mean rate.</param>
    /// <param name="seed">The same seed gives the same times.</param>
    public static IEnumerable<TimeSpan> Poisson(double perSecond, int seed)
    {
        var random = new Random(seed);
        for (var seconds = Pause(random, perSecond); ; seconds += Pause(random, perSecond))
            yield return TimeSpan.FromSeconds(seconds);
    }

    /// <summary>An exponentially distributed pause in seconds.</summary>
    public static double Pause(Random random, double perSecond) => -Math.Log(1 - random.NextDouble()) / perSecond;
}
