using System.Collections.Immutable;

namespace ScoringService.Merging.Tests.Planning;

/// <summary>The nine items of the GW-SMM paper and the three similarity matrices of its figures.</summary>
static class Published
{
    public static readonly ImmutableArray<string> Items = [.. Enumerable.Range(1, 9).Select(i => $"{i}")];

    // The three similarity matrices of the GW-SMM paper's figures, to two decimals.
    public static readonly ImmutableArray<ImmutableArray<double>> GromovWasserstein =
    [
        [1.00, .97, .43, .76, .49, .67, .74, .97, .00],
        [.97, 1.0, .55, .80, .47, .74, .82, .99, .21],
        [.43, .55, 1.0, .71, .36, .87, .71, .66, .78],
        [.76, .80, .71, 1.0, .50, .86, .93, .79, .42],
        [.49, .47, .36, .50, 1.0, .53, .47, .49, .10],
        [.67, .74, .87, .86, .53, 1.0, .89, .72, .68],
        [.74, .82, .71, .93, .47, .89, 1.0, .81, .41],
        [.97, .99, .66, .79, .49, .72, .81, 1.0, .17],
        [.00, .21, .78, .42, .10, .68, .41, .17, 1.0],
    ];

    public static readonly ImmutableArray<ImmutableArray<double>> Human =
        [.. Enumerable.Range(1, 9).Select(i => Enumerable.Range(1, 9).Select(j => ByExperts(Math.Min(i, j), Math.Max(i, j))).ToImmutableArray())];

    public static readonly ImmutableArray<ImmutableArray<double>> LanguageModel =
    [
        [1, .4, .3, .3, .2, .1, .1, .1, .1],
        [.4, 1, .4, .3, .2, .2, .1, .1, .1],
        [.3, .4, 1, .8, .3, .2, .4, .5, .5],
        [.3, .3, .8, 1, .3, .2, .4, .5, .5],
        [.2, .2, .3, .3, 1, .9, .2, .3, .3],
        [.1, .2, .2, .2, .9, 1, .2, .2, .2],
        [.1, .1, .4, .4, .2, .2, 1, .4, .4],
        [.1, .1, .5, .5, .3, .2, .4, 1, .8],
        [.1, .1, .5, .5, .3, .2, .4, .8, 1],
    ];

    static double ByExperts(int i, int j) => (i, j) switch
    {
        _ when i == j => 1,
        (1, 2) or (5, 6) or ( >= 7, _) => .8,
        (3, 4) => .6,
        (5 or 6, >= 7) => .5,
        _ => .2,
    };
}
