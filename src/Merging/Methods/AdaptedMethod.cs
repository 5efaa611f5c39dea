using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>What coefficients or routers learn from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AdaptationObjective>))]
public enum AdaptationObjective
{
    /// <summary>Low entropy of the predictions on unlabelled responses, as in the papers.</summary>
    [JsonStringEnumMemberName("entropy")] Entropy,

    /// <summary>The labels that people gave.</summary>
    [JsonStringEnumMemberName("labels")] Labels,

    /// <summary>What each item's own model says of unlabelled responses: its probabilities and its pooled vectors.</summary>
    [JsonStringEnumMemberName("distill")] Distill,
}

/// <summary>
/// A method that learns a few numbers, coefficients or routers, while all weights and heads stay as they are (AdaMerging §3; WEMoE §3.3). Every step reads as many
/// training responses of each item.
/// </summary>
public abstract record AdaptedMethod : MergeMethod
{
    /// <summary>What is learned from. Default entropy, as in the papers.</summary>
    [Description("What is learned from: low entropy on unlabelled responses, labels, or what the items' own models say.")]
    public AdaptationObjective Objective { get; init; }

    /// <summary>Steps. Default 1000, as in the papers; 0 leaves the initial values.</summary>
    [Description("Steps; 0 leaves the initial values.")]
    [Range(0, 100_000)]
    public int Steps { get; init; } = 1000;

    /// <summary>Responses of each item per step. Default 16, as in the papers.</summary>
    [Description("Responses of each item per step.")]
    [Range(1, 1024)]
    public int BatchSize { get; init; } = 16;

    /// <summary>Seed of the order of responses, and of routers' initial weights.</summary>
    [Description("Seed of the order of responses, and of routers' initial weights.")]
    [Range(0, int.MaxValue)]
    public int Seed { get; init; }

    /// <summary>Learning rate of Adam.</summary>
    private protected abstract double Rate { get; }

    /// <summary>Learns the tensors of an encoder that are not shared: <see cref="EncoderModel.Additional"/>.</summary>
    /// <returns>The learned tensors by name.</returns>
    private protected IReadOnlyDictionary<string, Tensor> Adapt(EncoderModel model, IEnumerable<string> learned, MergeGroup group, MergeWork work)
    {
        var rates = learned.ToDictionary(name => name, _ => (float)Rate);
        if (Steps == 0)
            return rates.Keys.ToDictionary(name => name, model.TensorOf);
        var heads = StackedHeads.Of([.. group.Items.Select(item => item.Data.Item)], [.. group.Ids.Select(id => group.Models[id].Head)]);
        using var trainer = new EncoderTrainer(
            model, rates, heads, headRate: null, Terms(), new(WeightDecay: 0), work.Threads, work.Stop);
        ResumableTraining.Run(trainer, Batches([.. Examples(group, work)]), Steps, _ => 1, "adaptation", work);
        return trainer.Trained();
    }

    /// <summary>For each step, as many responses of every item, each item's in an order of its own, again and again.</summary>
    IEnumerable<TrainingExample[]> Batches(ImmutableArray<TrainingExample>[] items)
    {
        var cycles = items.Select((examples, item) => Cycle(examples, new Random(Seed + item)).GetEnumerator()).ToArray();
        while (true)
            yield return [.. cycles.SelectMany(cycle => Enumerable.Range(0, BatchSize).Select(_ => Next(cycle)))];

        static TrainingExample Next(IEnumerator<TrainingExample> cycle)
        {
            cycle.MoveNext();
            return cycle.Current;
        }
    }

    TrainingObjective Terms() => Objective switch
    {
        AdaptationObjective.Entropy => new() { Entropy = 1 },
        AdaptationObjective.Labels => new() { Targets = 1 },
        _ => new() { Targets = 1, Features = 1 },
    };

    IEnumerable<ImmutableArray<TrainingExample>> Examples(MergeGroup group, MergeWork work) => Objective == AdaptationObjective.Distill
        ? Teacher.Of(group, work).Select((teacher, position) => teacher.Examples(position).ToImmutableArray())
        : group.Items.Select((item, position) => item.Train.Zip(item.Data.Train, (ids, response) =>
            new TrainingExample(ids, position, [.. response.Labels.Select(holds => holds ? 1f : 0f)])).ToImmutableArray());

    /// <summary>The examples in random order, again and again.</summary>
    static IEnumerable<TrainingExample> Cycle(ImmutableArray<TrainingExample> examples, Random random)
    {
        TrainingExample[] order = [.. examples];
        while (true)
        {
            random.Shuffle(order);
            foreach (var example in order)
                yield return example;
        }
    }
}
