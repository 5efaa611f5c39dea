using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>Combines the encoders of one group into one. Heads are never touched.</summary>
public static class Merge
{
    /// <summary>
    /// Combines the group's encoders tensor by tensor, in fp32 and always in the same order. A group of one keeps its encoder, and a tensor that no
    /// model of the group has changed stays that of the reference, bit for bit.
    /// </summary>
    /// <param name="method">How tensors are combined.</param>
    /// <param name="baseModel">Encoder that all item models started from, by tensor name.</param>
    /// <param name="group">Ids of the items to merge, at least one.</param>
    /// <param name="models">
    /// The item models by item id: those of the group, and the one that <see cref="TaskVectorMethod.Reference"/> may name.
    /// </param>
    /// <param name="stop">Ends the work between two tensors.</param>
    /// <exception cref="MergeException">A model is missing, or differs from the reference in its tensors or their shapes.</exception>
    public static IReadOnlyDictionary<string, Tensor> Combine(
        StaticMethod method,
        IReadOnlyDictionary<string, Tensor> baseModel,
        ImmutableArray<string> group,
        IReadOnlyDictionary<string, ItemModel> models,
        CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(models);
        var experts = group.Select(id => ModelOf(id, models)).ToArray();
        if (experts is [var alone])
            return alone.Encoder;

        var (reference, referenceName) = ReferenceOf(method, baseModel, experts, models);
        foreach (var expert in experts)
            CheckNames(expert, reference, referenceName);
        var merged = new Dictionary<string, Tensor>(reference.Count);
        foreach (var (name, tensor) in reference)
        {
            stop.ThrowIfCancellationRequested();
            var values = experts.Select(expert => ValuesOf(name, expert, tensor, referenceName)).ToArray();
            merged.Add(name, Array.TrueForAll(values, expert => SameBits(expert, tensor.Values)) ? tensor : Combine(method, tensor, values));
        }
        return merged;
    }

    static Tensor Combine(StaticMethod method, Tensor reference, float[][] experts)
    {
        var merged = reference.Zeros();
        method.Combine(reference.Values, experts, merged.Values);
        return merged;
    }

    static (IReadOnlyDictionary<string, Tensor> Encoder, string Name) ReferenceOf(
        StaticMethod method, IReadOnlyDictionary<string, Tensor> baseModel, ItemModel[] experts, IReadOnlyDictionary<string, ItemModel> models) =>
        (method as TaskVectorMethod)?.Reference switch
        {
            null or TaskVectorMethod.BaseModel => (baseModel, "the base model"),
            TaskVectorMethod.FirstOfGroup => (experts[0].Encoder, $"the reference '{experts[0].Item.Id}'"),
            var id => (ModelOf(id, models).Encoder, $"the reference '{id}'"),
        };

    static ItemModel ModelOf(string id, IReadOnlyDictionary<string, ItemModel> models) => models.TryGetValue(id, out var model)
        ? model
        : throw new MergeException($"Item '{id}' has no model. Train or import one, or leave the item out.");

    static void CheckNames(ItemModel expert, IReadOnlyDictionary<string, Tensor> reference, string referenceName)
    {
        if (reference.Keys.FirstOrDefault(name => !expert.Encoder.ContainsKey(name)) is { } missing)
            throw new MergeException($"Item model '{expert.Item.Id}' lacks {missing}, which {referenceName} has. {Advice(expert)}");
        if (expert.Encoder.Keys.FirstOrDefault(name => !reference.ContainsKey(name)) is { } additional)
            throw new MergeException($"Item model '{expert.Item.Id}' has {additional}, which {referenceName} lacks. {Advice(expert)}");
    }

    static float[] ValuesOf(string name, ItemModel expert, Tensor reference, string referenceName)
    {
        var tensor = expert.Encoder[name];
        return tensor.Shape.AsSpan().SequenceEqual(reference.Shape.AsSpan())
            ? tensor.Values
            : throw new MergeException(
                $"{name} in item model '{expert.Item.Id}' is {tensor.Describe()}; {referenceName} has {reference.Describe()}. {Advice(expert)}");
    }

    static string Advice(ItemModel expert) => $"Train or import '{expert.Item.Id}' from the same base, or leave it out of itemIds.";

    static bool SameBits(float[] left, float[] right) =>
        ReferenceEquals(left, right) || MemoryMarshal.AsBytes<float>(left).SequenceEqual(MemoryMarshal.AsBytes<float>(right));
}

/// <summary>Models that cannot be merged; the message says which, why, and what to do.</summary>
public sealed class MergeException(string message) : Exception(message);
