namespace ScoringService.Api.Jobs;

/// <summary>Runs work on a thread of its own, which gives way to requests where .NET sets thread priorities (not on Linux).</summary>
static class JobThread
{
    /// <summary>Runs <paramref name="work"/> to its end.</summary>
    public static Task<T> Run<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        })
        { IsBackground = true, Name = "Job", Priority = ThreadPriority.BelowNormal }.Start();
        return done.Task;
    }
}
