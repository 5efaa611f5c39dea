using System.Runtime.InteropServices;

namespace ScoringService.Api.Jobs;

/// <summary>Runs work on a thread of its own that gives way to requests.</summary>
static partial class JobThread
{
    const int PriorityOfProcess = 0;
    const int Niceness = 10;

    /// <summary>Runs <paramref name="work"/> to its end.</summary>
    public static Task<T> Run<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            YieldToRequests();
            try
            {
                done.SetResult(work());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        })
        { IsBackground = true, Name = "Job" };
        thread.Start();
        return done.Task;
    }

    static void YieldToRequests()
    {
        Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;

        // .NET leaves thread priorities alone on Linux. There, niceness belongs to the thread (0 names the calling one),
        // and the threads that ONNX Runtime starts from here inherit it.
        if (OperatingSystem.IsLinux())
            _ = SetPriority(PriorityOfProcess, 0, Niceness);
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
