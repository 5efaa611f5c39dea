using System.Collections.Concurrent;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Encoders that took minutes to make and that several methods start from: made once for a set of items and models.</summary>
public sealed class MadeEncoders
{
    readonly ConcurrentDictionary<(MergeMethod Method, string Items), StaticEncoder> made = [];

    /// <summary>Takes the encoder that a method made of a group, or makes it.</summary>
    internal StaticEncoder GetOrMake(MergeMethod method, MergeGroup group, Func<StaticEncoder> make)
    {
        var key = (method, string.Join('\n', group.Ids));
        return made.TryGetValue(key, out var encoder) ? encoder : made[key] = make();
    }
}
