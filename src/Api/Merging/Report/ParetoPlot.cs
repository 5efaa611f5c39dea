using ScoringService.Merging;

namespace ScoringService.Api.Merging.Report;

/// <summary>The methods that were tried: what each costs in bytes and what it reaches on validation, with the line that none lies beyond.</summary>
static class ParetoPlot
{
    const int Left = 64, Width = 640, Top = 20, Height = 300, Right = 40, Bottom = 52;

    /// <summary>Draws it; candidates without validation responses are left out.</summary>
    /// <param name="search">The candidates.</param>
    public static Markup Draw(SearchReport search)
    {
        var points = search.Candidates.Select((candidate, index) => (Candidate: candidate, Number: index + 1))
            .Where(point => point.Candidate.ValidationQwk is not null).ToArray();
        if (points.Length == 0)
            return new Markup();
        var mostBytes = 1.1 * Math.Max(1, points.Max(point => point.Candidate.Bytes));
        double least = points.Min(Qwk), most = points.Max(Qwk), room = Math.Max(0.1 * (most - least), 0.005);
        (least, most) = (least - room, most + room);

        var drawing = Markup.Of(
            $"""<svg role="img" aria-label="Size and agreement of the methods tried" """)
            .Add($"""viewBox="0 0 {Left + Width + Right} {Top + Height + Bottom}" width="{Left + Width + Right}" class="pareto">""")
            .Add($"<title>Bytes against QWK on validation responses</title>");
        foreach (var share in new[] { 0, 0.25, 0.5, 0.75, 1 })
        {
            var (x, y) = (Left + (share * Width), Top + ((1 - share) * Height));
            drawing.Add($"""<line class="grid" x1="{Left}" y1="{y}" x2="{Left + Width}" y2="{y}"/>""");
            drawing.Add($"""<text class="tick" x="{Left - 8}" y="{y + 4}" text-anchor="end">{least + (share * (most - least)):0.000}</text>""");
            drawing.Add($"""<text class="tick" x="{x}" y="{Top + Height + 18}">{Numbers.Bytes(share * mostBytes)}</text>""");
        }
        drawing.Add($"""<text class="tick" x="{Left + (Width / 2)}" y="{Top + Height + 40}">size of encoders and heads</text>""");
        drawing.Add($"""<text class="tick" transform="translate(14 {Top + (Height / 2)}) rotate(-90)">QWK on validation</text>""");

        var frontier = Frontier(points.Select(point => point.Candidate)).ToArray();
        var steps = Markup.Each(frontier.Skip(1), candidate => $"H{X(candidate):0.#}V{Y(candidate):0.#}");
        drawing.Add($"""<path class="frontier" d="M{X(frontier[0]):0.#} {Y(frontier[0]):0.#}{steps}H{Left + Width}"/>""");
        foreach (var (candidate, number) in points)
        {
            var kind = candidate.Chosen ? "chosen" : candidate.HoldsFloor == false ? "breach" : "tried";
            drawing.Add($"""<circle class="{kind}" cx="{X(candidate):0.#}" cy="{Y(candidate):0.#}" r="{(candidate.Chosen ? 8 : 6)}">""");
            drawing.Add($"<title>{candidate.Name}: {Numbers.Metric(candidate.ValidationQwk)}, {Numbers.Bytes(candidate.Bytes)}</title></circle>");
            drawing.Add($"""<text class="name" x="{X(candidate) + 11:0.#}" y="{Y(candidate) - 7:0.#}">{number}</text>""");
        }
        return drawing.Add($"</svg>");

        double X(SearchCandidate candidate) => Left + (Width * (candidate.Bytes / mostBytes));
        double Y(SearchCandidate candidate) => Top + (Height * (most - candidate.ValidationQwk!.Value) / (most - least));
        static double Qwk((SearchCandidate Candidate, int Number) point) => point.Candidate.ValidationQwk!.Value;
    }

    /// <summary>The candidates that none matches in fewer bytes, smallest first.</summary>
    public static IEnumerable<SearchCandidate> Frontier(IEnumerable<SearchCandidate> candidates)
    {
        var best = double.NegativeInfinity;
        foreach (var candidate in candidates.OrderBy(candidate => candidate.Bytes).ThenByDescending(candidate => candidate.ValidationQwk))
        {
            if (candidate.ValidationQwk is { } qwk && qwk > best)
            {
                best = qwk;
                yield return candidate;
            }
        }
    }
}
