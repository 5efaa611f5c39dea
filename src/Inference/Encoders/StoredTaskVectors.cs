using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// How task vectors lie in an encoder's safetensors file: expert i of tensor <c>x</c> as <c>x.expert.i</c>, or, pruned, as its values
/// <c>x.expert.i.values</c> and a mask <c>x.expert.i.mask</c> of one bit for each position.
/// </summary>
static class StoredTaskVectors
{
    /// <summary>Names and shapes of the fp32 tensors that hold them.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> Values(EncoderModel model) =>
        from stored in All(model)
        select KeyValuePair.Create(
            stored.TaskVector.Mask is null ? stored.Name : $"{stored.Name}.values", new Tensor([stored.TaskVector.NonZeros], stored.TaskVector.Values));

    /// <summary>The masks.</summary>
    public static IEnumerable<KeyValuePair<string, byte[]>> Masks(EncoderModel model) =>
        from stored in All(model)
        where stored.TaskVector.Mask is not null
        select KeyValuePair.Create($"{stored.Name}.mask", stored.TaskVector.Mask!);

    /// <summary>The task vectors of a tensor, laid out as a graph reads them.</summary>
    /// <param name="file">The encoder's file.</param>
    /// <param name="stack">Name of the graph's input.</param>
    /// <param name="shape">Its shape, <c>[experts, values]</c>.</param>
    /// <exception cref="InvalidCheckpointException">One is missing or does not fit.</exception>
    public static Tensor ReadStack(SafetensorsFile file, string stack, int[] shape)
    {
        var tensor = stack[..^TaskVector.StackOf("").Length];
        return TaskVector.Stack([.. Read(file, tensor, shape[0], shape[1])]);
    }

    /// <summary>The task vectors of a tensor as they are stored.</summary>
    /// <param name="file">The encoder's file.</param>
    /// <param name="tensor">The tensor they belong to.</param>
    /// <param name="experts">How many there are.</param>
    /// <param name="length">Positions of each.</param>
    /// <exception cref="InvalidCheckpointException">One is missing or does not fit.</exception>
    public static IEnumerable<TaskVector> Read(SafetensorsFile file, string tensor, int experts, int length) =>
        Enumerable.Range(0, experts).Select(expert => Read(file, NameOf(tensor, expert), length));

    /// <summary>Whether a tensor has task vectors in the file.</summary>
    public static bool Has(SafetensorsFile file, string tensor) =>
        file.Entries.ContainsKey(NameOf(tensor, 0)) || file.Entries.ContainsKey($"{NameOf(tensor, 0)}.values");

    static TaskVector Read(SafetensorsFile file, string name, int length)
    {
        if (file.Entries.ContainsKey(name))
        {
            var values = file.Read(name).Values;
            return values.Length == length
                ? TaskVector.Dense(values)
                : throw new InvalidCheckpointException(file.Path, name, $"has {values.Length} values; the graph reads {length}.");
        }
        try
        {
            return TaskVector.Stored(length, file.Read($"{name}.values").Values, file.Bytes($"{name}.mask").ToArray());
        }
        catch (ArgumentException misfit)
        {
            throw new InvalidCheckpointException(file.Path, name, $"is not a pruned task vector: {misfit.Message}");
        }
    }

    static IEnumerable<(string Name, TaskVector TaskVector)> All(EncoderModel model) =>
        from tensor in model.TaskVectors
        from expert in tensor.Value.Index()
        select (NameOf(tensor.Key, expert.Index), expert.Item);

    static string NameOf(string tensor, int expert) => $"{tensor}.expert.{expert}";
}
