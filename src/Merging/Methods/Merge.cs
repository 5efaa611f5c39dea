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
            Check(expert, reference, referenceName);
        var members = new ExpertGroup(group, reference, (expert, tensor) => experts[expert].Encoder[tensor].Values);
        var combine = method.Prepare(members, stop);
        var merged = new Dictionary<string, Tensor>(reference.Count);
        foreach (var (name, tensor) in reference)
        {
            stop.ThrowIfCancellationRequested();
            merged.Add(name, Array.TrueForAll(members.Values(name), values => SameBits(values, tensor.Values)) ? tensor : Combined(name, tensor));
        }
        return merged;

        Tensor Combined(string name, Tensor tensor)
        {
            var result = tensor.Zeros();
            combine(name, result.Values);
            return result;
        }
    }

    /// <summary>Makes sure that the models of a group can be merged with its base.</summary>
    /// <exception cref="MergeException">A model is missing, or differs from the base in its tensors or their shapes.</exception>
    internal static void Check(MergeGroup group)
    {
        foreach (var id in group.Ids)
            Check(ModelOf(id, group.Models), group.Base.Encoder, "the base model");
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

    static void Check(ItemModel expert, IReadOnlyDictionary<string, Tensor> reference, string referenceName)
    {
        if (reference.Keys.FirstOrDefault(name => !expert.Encoder.ContainsKey(name)) is { } missing)
            throw new MergeException($"Item model '{expert.Item.Id}' lacks {missing}, which {referenceName} has. {Advice(expert)}");
        if (expert.Encoder.Keys.FirstOrDefault(name => !reference.ContainsKey(name)) is { } additional)
            throw new MergeException($"Item model '{expert.Item.Id}' has {additional}, which {referenceName} lacks. {Advice(expert)}");
        foreach (var (name, tensor) in reference)
        {
            var own = expert.Encoder[name];
            if (!own.Shape.AsSpan().SequenceEqual(tensor.Shape.AsSpan()))
            {
                throw new MergeException(
                    $"{name} in item model '{expert.Item.Id}' is {own.Describe()}; {referenceName} has {tensor.Describe()}. {Advice(expert)}");
            }
        }
    }

    static string Advice(ItemModel expert) => $"Train or import '{expert.Item.Id}' from the same base, or leave it out of itemIds.";

    static bool SameBits(float[] left, float[] right) =>
        ReferenceEquals(left, right) || MemoryMarshal.AsBytes<float>(left).SequenceEqual(MemoryMarshal.AsBytes<float>(right));
}

/// <summary>Models that cannot be merged; the message says which, why, and what to do.</summary>
public sealed class MergeException(string message) : Exception(message);
