using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace ScoringService.Inference.Bundles;

/// <summary>Does work that takes a processor for a while on a thread that gives way to those that score.</summary>
/// <remarks>
/// .NET sets no priorities of threads on Linux, hence the system call. Linux gives a thread the priority of the one that starts it, and no right to raise it again:
/// the work must start no threads, and no sessions of ONNX Runtime, which have some.
/// </remarks>
public static partial class QuietThread
{
    // A third of the weight of a thread that scores: where those take all there is, loading still goes on.
    const int Nicer = 5;

    /// <summary>Runs <paramref name="work"/> to its end, and waits for it.</summary>
    public static T Run<T>(Func<T> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            if (OperatingSystem.IsLinux())
                _ = Nice(Nicer);
            try
            {
                result = work();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        { IsBackground = true, Name = "Quiet", Priority = ThreadPriority.BelowNormal };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    // Of one thread on Linux, whatever POSIX says of processes.
    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int more);
}
