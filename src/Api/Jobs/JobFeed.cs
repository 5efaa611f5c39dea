using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace ScoringService.Api.Jobs;

/// <summary>Tells whoever listens how jobs change.</summary>
sealed class JobFeed
{
    readonly ConcurrentDictionary<Channel<JobView>, string> listeners = new();

    /// <summary>Hands a job's new state to those who listen to it.</summary>
    public void Publish(JobView job)
    {
        foreach (var (channel, id) in listeners)
        {
            if (id == job.Id)
                channel.Writer.TryWrite(job);
        }
    }

    /// <summary>A job's states from now on, until it ends. A slow listener misses states in between, never the last.</summary>
    /// <param name="id">Id of the job.</param>
    /// <param name="current">Reads the state to begin with.</param>
    /// <param name="stop">Ends the listening, quietly.</param>
    public async IAsyncEnumerable<JobView> Listen(
        string id, Func<CancellationToken, Task<JobView?>> current, [EnumeratorCancellation] CancellationToken stop)
    {
        var channel = Channel.CreateBounded<JobView>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        using var ending = stop.Register(() => channel.Writer.TryComplete());
        listeners[channel] = id;
        try
        {
            // Listening begins before the first state is read: nothing that happens in between is lost.
            if (await current(stop) is not { } job)
                yield break;
            yield return job;
            while (!job.Ended && await channel.Reader.WaitToReadAsync(CancellationToken.None))
            {
                if (channel.Reader.TryRead(out var next))
                    yield return job = next;
            }
        }
        finally
        {
            listeners.TryRemove(channel, out _);
        }
    }
}
