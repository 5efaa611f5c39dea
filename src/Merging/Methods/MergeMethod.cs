using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Features;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>
/// A way to make one encoder for a group of items. The method's parameters are its properties: recipe parsing, validation and the OpenAPI document are
/// made from them. A new method is one record and one line here.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "name")]
[JsonDerivedType(typeof(AdaMerging), "adamerging")]
[JsonDerivedType(typeof(Auto), "auto")]
[JsonDerivedType(typeof(Awd), "awd")]
[JsonDerivedType(typeof(Dare), "dare")]
[JsonDerivedType(typeof(DareTies), "dare-ties")]
[JsonDerivedType(typeof(Distill), "distill")]
[JsonDerivedType(typeof(EfficientWeightEnsembling), "e-wemoe")]
[JsonDerivedType(typeof(Fisher), "fisher")]
[JsonDerivedType(typeof(FrozenBase), "frozen-base")]
[JsonDerivedType(typeof(LowRank), "low-rank")]
[JsonDerivedType(typeof(MultiTask), "multi-task")]
[JsonDerivedType(typeof(RegMean), "regmean")]
[JsonDerivedType(typeof(SimpleAverage), "simple-average")]
[JsonDerivedType(typeof(TaskArithmetic), "task-arithmetic")]
[JsonDerivedType(typeof(Ties), "ties")]
[JsonDerivedType(typeof(WeightEnsembling), "wemoe")]
public abstract record MergeMethod
{
    /// <summary>Whether every item needs a model of its own; otherwise labelled responses are enough.</summary>
    [JsonIgnore] public virtual bool NeedsItemModels => true;

    /// <summary>Whether the items' own models are taken where they have some, needed or not.</summary>
    [JsonIgnore] public virtual bool UsesItemModels => NeedsItemModels;

    /// <summary>Makes the encoder that the items of a group share; at least two items.</summary>
    /// <param name="group">The items, their models and their responses.</param>
    /// <param name="work">How to run, whom to tell, when to stop.</param>
    /// <exception cref="MergeException">The models do not fit together.</exception>
    protected internal abstract EncoderModel MakeEncoder(MergeGroup group, MergeWork work);
}

/// <summary>What a method makes an encoder from.</summary>
/// <param name="Base">The pre-trained encoder all item models started from.</param>
/// <param name="Items">The items of the group with their responses, in the order of the plan. Test responses are never read by a method.</param>
/// <param name="Models">Item models by item id: those of the group, and others a method may name as its reference.</param>
public sealed record MergeGroup(Checkpoint Base, ImmutableArray<TokenizedItem> Items, IReadOnlyDictionary<string, ItemModel> Models)
{
    /// <summary>Ids of the items.</summary>
    public ImmutableArray<string> Ids => [.. Items.Select(item => item.Id)];

    /// <summary>Sizes of the encoder.</summary>
    public BertConfig Config => Base.Config;

    /// <summary>Encoders made of these items and models before.</summary>
    public MadeEncoders Made { get; init; } = new();
}

/// <summary>How a method works.</summary>
/// <param name="Runtime">How encoders run; one thread each, since several passes are under way at once.</param>
/// <param name="Threads">Passes under way at once.</param>
/// <param name="Progress">Told the share of the merge that is done, 0 to 1, and what is being done.</param>
/// <param name="Stop">Gives up within a second or so.</param>
public sealed record MergeWork(RuntimeOptions Runtime, int Threads, IProgress<StageProgress> Progress, CancellationToken Stop)
{
    /// <summary>Directory where long training keeps its state, to go on from when the same merge is asked for again; null keeps nothing.</summary>
    public string? Unfinished { get; init; }

    /// <summary>Takes what a method finds out besides the encoder.</summary>
    public MethodFindings Findings { get; } = new();
}
