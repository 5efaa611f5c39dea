using System.Diagnostics;
using ScoringService.Merging;

namespace ScoringService.Benchmarks;

/// <summary>One line on stderr every few seconds.</summary>
sealed class ConsoleProgress : IProgress<StageProgress>
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(3);

    long last;

    public void Report(StageProgress value)
    {
        if (last != 0 && Stopwatch.GetElapsedTime(last) < Pause)
            return;
        last = Stopwatch.GetTimestamp();
        Console.Error.WriteLine($"{value.Stage} {value.Fraction:P0} {value.Message}");
    }
}
