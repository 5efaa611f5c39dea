using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace ScoringService.Api.Tests.LanguageModels;

/// <summary>A clock on which a pause is over as soon as it begins, while time limits run only when the test moves them.</summary>
/// <param name="limits">The time limits; every other timer is a pause.</param>
sealed class PausesPass(params TimeSpan[] limits) : FakeTimeProvider(DateTimeOffset.UnixEpoch)
{
    /// <summary>The pauses so far.</summary>
    public ConcurrentQueue<TimeSpan> Pauses { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime > TimeSpan.Zero && dueTime != Timeout.InfiniteTimeSpan && !limits.Contains(dueTime))
        {
            Pauses.Enqueue(dueTime);
            ThreadPool.QueueUserWorkItem(_ => Advance(dueTime));
        }
        return timer;
    }
}
