namespace ScoringService.Inference.Tests;

/// <summary>Tests that count allocated bytes run alone: the count is the process's.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AllocationGates
{
    public const string Name = "allocation gates";

    /// <summary>Bytes that a piece of work allocates on all threads, on average over many times, once it is compiled.</summary>
    public static async Task<double> BytesOf(Func<Task> work)
    {
        const int Times = 1_000;
        for (var warmUp = 0; warmUp < Times; warmUp++)
            await work();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var time = 0; time < Times; time++)
            await work();
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Times;
    }
}
