namespace ScoringService.Api.Merging.Report;

/// <summary>How a report looks: on a screen by day or by night, and on paper.</summary>
static class PageStyle
{
    /// <summary>The style sheet.</summary>
    public static Markup Sheet => Markup.Of(
        $$"""
        <style>
        :root { color-scheme: light dark; --paper: #fff; --ink: #1b2430; --soft: #5c6775; --line: #dfe3e8; --card: #f5f7f9;
          --served: #1f62d0; --own: #8b96a5; --base: #e0a030; --good: #1a7f45; --bad: #c0322b; --doubt: #9a6700; --cut: #c0322b; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e4e8ee; --soft: #9aa6b5; --line: #2f3742; --card: #1d232b;
          --served: #6aa5ff; --own: #77828f; --base: #e9b44c; --good: #54c98a; --bad: #ff7b72; --doubt: #e3b341; --cut: #ff7b72; } }
        @media print { :root { --paper: #fff; --ink: #000; --soft: #444; --line: #ccc; --card: #fff; --served: #1f62d0; --own: #8b96a5;
          --base: #e0a030;
          --good: #1a7f45; --bad: #c0322b; --doubt: #9a6700; --cut: #c0322b; }
          body { font-size: 10.5px; margin: 0; } figure, .table, .cards { break-inside: avoid; } * { print-color-adjust: exact; } }
        * { box-sizing: border-box; }
        body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--paper);
          margin: 2.5rem auto; max-width: 74rem;
          padding: 0 1.5rem; }
        h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; } .where, figcaption, .note { color: var(--soft); }
        .where { margin: .2rem 0 1.5rem; overflow-wrap: anywhere; }
        .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
        .card-name { color: var(--soft); font-size: .8rem; } .card-value { font-size: 1.6rem; font-weight: 650; line-height: 1.3;
          font-variant-numeric: tabular-nums; }
        .card-note { color: var(--soft); font-size: .8rem; line-height: 1.35; }
        .summary ul { margin: 0; padding-left: 1.2rem; } .summary li { margin: .3rem 0; overflow-wrap: anywhere; }
        .good { color: var(--good); font-weight: 650; } .bad { color: var(--bad); font-weight: 650; }
        .doubt { color: var(--doubt); font-weight: 650; }
        .warnings { border-left: 4px solid var(--doubt); background: var(--card); padding: .6rem 1rem; margin: 1.5rem 0; overflow-wrap: anywhere; }
        .warnings h2 { margin: 0 0 .3rem; font-size: 1rem; } .warnings ul { margin: 0; padding-left: 1.2rem; }
        .table { overflow-x: auto; margin: 1rem 0; } table { border-collapse: collapse; width: 100%; font-size: .87rem;
          font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 600; padding: .3rem 0; font-size: .95rem; }
        th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: baseline; }
        th { color: var(--soft); font-weight: 550; line-height: 1.25; } .text { text-align: left; overflow-wrap: anywhere; }
        td.number { white-space: nowrap; }
        td.text { min-width: 7rem; } small { color: var(--soft); display: block; }
        figure { margin: 1rem 0; overflow-x: auto; } figcaption { font-size: .87rem; max-width: 46rem; }
        svg { display: block; max-width: 100%; height: auto; }
        svg text { fill: var(--ink); font-size: 12px; font-family: inherit; } svg .tick, svg .height { fill: var(--soft); font-size: 11px; }
        svg .tick:not([text-anchor]) { text-anchor: middle; }
        .heat .cell { fill: var(--served); } .heat .itself { fill: var(--card); }
        .heat .group { fill: none; stroke: var(--ink); stroke-width: 1.6; }
        .heat .value { text-anchor: middle; font-size: 11px; } .heat .on { fill: var(--paper); }
        svg .grid { stroke: var(--line); stroke-width: 1; } .tree .join { fill: none; stroke: var(--own); stroke-width: 1.6; }
        .tree .height { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; } .tree .made { stroke: var(--served); stroke-width: 2.4; }
        .tree .cut { stroke: var(--cut); stroke-width: 1.4; stroke-dasharray: 5 4; }
        .tree .cut-name { fill: var(--cut); text-anchor: middle; } .bars .own, .key .own { fill: var(--own); background: var(--own); }
        .bars .base, .key .base { fill: var(--base); background: var(--base); }
        .bars .served, .key .served { fill: var(--served); background: var(--served); }
        .bars .whisker { stroke: var(--ink); stroke-width: 1.4; fill: none; } .bars .bar-value { font-weight: 600; }
        .key span { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin: 0 .35rem 0 1rem; vertical-align: -1px; }
        .pareto .frontier { fill: none; stroke: var(--served); stroke-width: 1.4; stroke-dasharray: 4 4; } .pareto .tried { fill: var(--own); }
        .pareto .chosen { fill: var(--served); } .pareto .breach { fill: var(--paper); stroke: var(--bad); stroke-width: 2; }
        pre { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; overflow-x: auto;
          font-size: .82rem;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        </style>
        """);
}
