namespace ScoringService.Inference.Scoring;

/// <summary>
/// The bundle that answers requests. Another takes its place by the swap of one reference; requests finish on the bundle they began with.
/// </summary>
public sealed class ActiveBundle : IAsyncDisposable
{
    readonly Lock gate = new();
    Served? current;
    bool disposed;

    /// <summary>The scorer of the active bundle, usable until the lease is disposed; null while no bundle is active.</summary>
    public Lease? Acquire()
    {
        lock (gate)
            return current?.Acquire();
    }

    /// <summary>
    /// Probes a bundle, makes it the active one, and returns when the one before has finished its last request and is disposed. A bundle that
    /// fails its probes is disposed, and the one before stays active.
    /// </summary>
    /// <param name="scorer">The bundle; belongs to this object from now on.</param>
    /// <param name="cancel">Ends the probes; once the bundle is active it has no effect.</param>
    /// <exception cref="InvalidOperationException">The probes failed.</exception>
    /// <exception cref="ObjectDisposedException">The service is shutting down.</exception>
    public async Task ActivateAsync(Scorer scorer, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        Served? previous;
        try
        {
            await scorer.ProbeAsync(cancel);
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(disposed, this);
                (previous, current) = (current, new Served(scorer));
            }
        }
        catch
        {
            await scorer.DisposeAsync();
            throw;
        }
        if (previous is not null)
            await previous.RetireAsync();
    }

    /// <summary>Leaves no bundle active, and returns when the last request is finished.</summary>
    public async ValueTask DisposeAsync()
    {
        Served? last;
        lock (gate)
            (last, current, disposed) = (current, null, true);
        if (last is not null)
            await last.RetireAsync();
    }

    /// <summary>The right to use a scorer.</summary>
    public sealed class Lease : IDisposable
    {
        readonly Served served;
        int disposed;

        internal Lease(Served served) => this.served = served;

        /// <summary>The scorer.</summary>
        public Scorer Scorer => served.Scorer;

        /// <summary>Gives the right back.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) == 0)
                served.Release();
        }
    }

    /// <summary>A scorer and how many hold on to it: every lease, and the active bundle itself.</summary>
    internal sealed class Served(Scorer scorer)
    {
        readonly TaskCompletionSource unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int holders = 1;

        public Scorer Scorer => scorer;

        public Lease Acquire()
        {
            Interlocked.Increment(ref holders);
            return new Lease(this);
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref holders) == 0)
                unused.SetResult();
        }

        public async Task RetireAsync()
        {
            Release();
            await unused.Task;
            await scorer.DisposeAsync();
        }
    }
}
