using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>Combines the encoders of one group into one. Heads are never touched.</summary>
/// <remarks>
/// Tensors are combined slice by slice, and every value is computed in the same order whatever the number of threads: the same models give the same
/// bits, in memory or from files.
/// </remarks>
public static class Merge
{
    /// <summary>
    /// Combines the group's encoders in memory, in fp32. A group of one keeps its encoder, and a tensor that no model of the group has changed stays
    /// that of the reference, bit for bit.
    /// </summary>
    /// <param name="method">How tensors are combined.</param>
    /// <param name="baseModel">Encoder that all item models started from, by tensor name.</param>
    /// <param name="group">Ids of the items to merge, at least one.</param>
    /// <param name="models">
    /// The item models by item id: those of the group, and the one that <see cref="TaskVectorMethod.Reference"/> may name.
    /// </param>
    /// <param name="threads">Parts of a tensor that are combined at once.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    /// <exception cref="MergeException">
    /// A model is missing, differs from the reference in its tensors or their shapes, or holds a value that is not finite.
    /// </exception>
    public static IReadOnlyDictionary<string, Tensor> Combine(
        StaticMethod method,
        IReadOnlyDictionary<string, Tensor> baseModel,
        ImmutableArray<string> group,
        IReadOnlyDictionary<string, ItemModel> models,
        int threads = 1,
        CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(models);
        if (group is [var alone])
            return ModelOf(alone, models).Encoder;

        var reference = ReferenceOf(method, group) is { } id ? ModelOf(id, models).Encoder : baseModel;
        var stores = models.ToDictionary(model => model.Key, ITensorStore (model) => new TensorsInMemory(model.Value.Encoder));
        var merged = new Dictionary<string, Tensor>(reference.Count);
        foreach (var tensor in Tensors(method, new TensorsInMemory(baseModel), group, stores, threads, stop))
        {
            var name = tensor.Experts.Name;
            if (tensor.Combine is null)
            {
                merged.Add(name, reference[name]);
                continue;
            }
            merged.Add(name, reference[name].Zeros());
            var values = merged[name].Values;
            tensor.ForEachSlice((start, slice) => slice.CopyTo(values.AsSpan(start)));
        }
        return merged;
    }

    /// <summary>
    /// Combines the encoders of checkpoints on disk into a file. What is in memory at once is a few slices of each model, never whole ones. The file
    /// appears complete or not at all.
    /// </summary>
    /// <param name="method">How tensors are combined.</param>
    /// <param name="baseModel">Encoder that all item models started from.</param>
    /// <param name="group">Ids of the items to merge, at least one.</param>
    /// <param name="models">The item models by item id, as for <see cref="Combine"/>.</param>
    /// <param name="file">The safetensors file to write; replaced if it is there.</param>
    /// <param name="threads">Parts of a tensor that are combined at once.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    /// <exception cref="MergeException">As from <see cref="Combine"/>; no file is left.</exception>
    public static void Save(
        StaticMethod method, ITensorStore baseModel, ImmutableArray<string> group, IReadOnlyDictionary<string, ITensorStore> models, string file,
        int threads = 1, CancellationToken stop = default) => AtomicFile.Write(file, path =>
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        using var writer = new SafetensorsWriter(path, baseModel.Shapes);
        Write(method, baseModel, group, models, writer, threads, stop);
        writer.Complete();
    });

    /// <summary>As <see cref="Save"/>, into a file that somebody else publishes.</summary>
    /// <param name="method">How tensors are combined.</param>
    /// <param name="baseModel">Encoder that all item models started from.</param>
    /// <param name="group">Ids of the items to merge, at least one.</param>
    /// <param name="models">The item models by item id, as for <see cref="Combine"/>.</param>
    /// <param name="writer">Receives every tensor of the base model.</param>
    /// <param name="threads">Parts of a tensor that are combined at once.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    /// <exception cref="MergeException">As from <see cref="Combine"/>.</exception>
    public static void Write(
        StaticMethod method, ITensorStore baseModel, ImmutableArray<string> group, IReadOnlyDictionary<string, ITensorStore> models,
        SafetensorsWriter writer, int threads = 1, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(writer);
        foreach (var tensor in Tensors(method, baseModel, group, models, threads, stop))
            tensor.ForEachSlice((start, slice) => writer.Write(tensor.Experts.Name, start, slice));
    }

    /// <summary>The merged tensors, ready to be combined.</summary>
    static IEnumerable<MergedTensor> Tensors(
        StaticMethod method, ITensorStore baseModel, ImmutableArray<string> group, IReadOnlyDictionary<string, ITensorStore> models, int threads,
        CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(method);
        var experts = group.Select(id => ModelOf(id, models)).ToImmutableArray();
        var id = ReferenceOf(method, group);
        var (reference, referenceName) = id is null ? (baseModel, "the base model") : (ModelOf(id, models), $"the reference '{id}'");
        foreach (var (item, expert) in group.Zip(experts))
            Check(item, expert, reference, referenceName);

        var alone = experts.Length == 1;
        var members = new ExpertGroup(group, referenceName, reference, experts, threads);
        var combine = alone ? new SimpleAverage().Prepare(members, stop) : method.Prepare(members, stop);
        foreach (var name in reference.Shapes.Keys)
        {
            stop.ThrowIfCancellationRequested();
            var tensor = members.Tensor(name);
            yield return new(tensor, tensor.IsUnchanged() ? null : combine(tensor));
        }
    }

    /// <summary>Makes sure that the models of a group can be merged with its base.</summary>
    /// <exception cref="MergeException">A model is missing, or differs from the base in its tensors or their shapes.</exception>
    internal static void Check(MergeGroup group)
    {
        var baseModel = new TensorsInMemory(group.Base.Encoder);
        foreach (var id in group.Ids)
            Check(id, new TensorsInMemory(ModelOf(id, group.Models).Encoder), baseModel, "the base model");
    }

    /// <summary>The item whose model task vectors are relative to; null for the base model.</summary>
    static string? ReferenceOf(StaticMethod method, ImmutableArray<string> group) => (method as TaskVectorMethod)?.Reference switch
    {
        null or TaskVectorMethod.BaseModel => null,
        TaskVectorMethod.FirstOfGroup => group[0],
        var id => id,
    };

    static T ModelOf<T>(string id, IReadOnlyDictionary<string, T> models) => models.TryGetValue(id, out var model)
        ? model
        : throw new MergeException($"Item '{id}' has no model. Train or import one, or leave the item out.");

    static void Check(string item, ITensorStore expert, ITensorStore reference, string referenceName)
    {
        if (reference.Shapes.Keys.FirstOrDefault(name => !expert.Shapes.ContainsKey(name)) is { } missing)
            throw new MergeException($"Item model '{item}' lacks {missing}, which {referenceName} has. {Advice(item)}");
        if (expert.Shapes.Keys.FirstOrDefault(name => !reference.Shapes.ContainsKey(name)) is { } additional)
            throw new MergeException($"Item model '{item}' has {additional}, which {referenceName} lacks. {Advice(item)}");
        foreach (var (name, shape) in reference.Shapes)
        {
            var own = expert.Shapes[name];
            if (!own.AsSpan().SequenceEqual(shape.AsSpan()))
            {
                throw new MergeException(
                    $"{name} in item model '{item}' is [{string.Join(',', own)}]; {referenceName} has [{string.Join(',', shape)}]. {Advice(item)}");
            }
        }
    }

    static string Advice(string item) => $"Train or import '{item}' from the same base, or leave it out of itemIds.";

    /// <summary>A tensor that is ready to be combined.</summary>
    /// <param name="Experts">The tensor in every model.</param>
    /// <param name="Combine">How its slices are combined; null if every model has the reference's values.</param>
    readonly record struct MergedTensor(ExpertTensor Experts, SliceCombiner? Combine)
    {
        /// <summary>Hands out the merged values, several slices at once.</summary>
        /// <param name="write">Told where in the tensor the slice begins.</param>
        public void ForEachSlice(Action<int, ReadOnlySpan<float>> write)
        {
            var combine = Combine;
            Experts.ForEachSlice(slice =>
            {
                if (combine is null)
                {
                    write(slice.Start, slice.Reference);
                    return;
                }
                Span<float> merged = stackalloc float[slice.Length];
                combine(slice, merged);
                write(slice.Start, merged);
            });
        }
    }
}

/// <summary>Models that cannot be merged; the message says which, why, and what to do.</summary>
public sealed class MergeException(string message) : Exception(message);
