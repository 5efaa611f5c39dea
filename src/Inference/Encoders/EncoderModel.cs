using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>What a group of items shares: the tensors of an encoder, and how its graph is put together from them.</summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Shared">The tensors of <see cref="BertTensors"/>: what all items share.</param>
public abstract record EncoderModel(BertConfig Config, IReadOnlyDictionary<string, Tensor> Shared)
{
    /// <summary>Tensors beyond <see cref="Shared"/> that the graph reads as they are stored, by name: routers, low-rank factors.</summary>
    public virtual IReadOnlyDictionary<string, Tensor> Additional => ImmutableDictionary<string, Tensor>.Empty;

    /// <summary>
    /// Task vectors of each expert, by the name of the tensor they belong to. Stored compactly; the graph reads them laid out as
    /// <c>[experts, values]</c> under <see cref="TaskVector.StackOf"/>.
    /// </summary>
    public virtual IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors => ImmutableDictionary<string, ImmutableArray<TaskVector>>.Empty;

    /// <summary>
    /// Responses in one pass of the runtime; a larger batch is run in several. Bounds what an encoder lays out anew for each response; no bound by default.
    /// </summary>
    public virtual int ResponsesPerPass => int.MaxValue;

    /// <summary>Numbers that are stored: of a pruned task vector those that remain.</summary>
    public long Parameters =>
        Shared.Values.Sum(tensor => (long)tensor.Length) + Additional.Values.Sum(tensor => (long)tensor.Length)
        + TaskVectors.Values.Sum(experts => experts.Sum(expert => (long)expert.NonZeros));

    /// <summary>A tensor that the graph reads, by its name there.</summary>
    /// <exception cref="KeyNotFoundException">The graph reads no such tensor.</exception>
    public Tensor TensorOf(string name)
    {
        if (Shared.TryGetValue(name, out var tensor) || Additional.TryGetValue(name, out tensor))
            return tensor;
        return TaskVectors.FirstOrDefault(experts => TaskVector.StackOf(experts.Key) == name) is { Key: not null } found
            ? TaskVector.Stack(found.Value)
            : throw new KeyNotFoundException($"The encoder has no tensor '{name}'.");
    }

    /// <summary>Adds the encoder to a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="declare">Adds the tensor of that name and shape: an input while it is trained, a stored weight when it is served.</param>
    public abstract EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare);
}

/// <summary>An encoder that is the same for every response: a base model, an item model, or a static merge.</summary>
public sealed record StaticEncoder(BertConfig Config, IReadOnlyDictionary<string, Tensor> Shared) : EncoderModel(Config, Shared)
{
    /// <inheritdoc/>
    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare) =>
        new(graph, Config, EncoderWeights.Declare(Config, declare));
}
