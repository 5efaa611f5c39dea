using System.Globalization;

namespace ScoringService.Benchmarks.Serving;

/// <summary>How busy all processes together keep the machine: whoever reads a figure must know what else ran.</summary>
static class MachineLoad
{
    const string Counters = "/proc/stat";
    const double TicksPerSecond = 100;

    // user, nice, system, idle, iowait, irq, softirq: idle and iowait are no work.
    static readonly int[] Busy = [1, 2, 3, 6, 7];

    /// <summary>Processor seconds of all processes since the machine was started; null where the system does not say.</summary>
    public static double? BusySeconds()
    {
        if (!File.Exists(Counters))
            return null;
        var fields = File.ReadLines(Counters).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Busy.Sum(field => long.Parse(fields[field], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
