using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Training;

/// <summary>What one training step found.</summary>
/// <param name="Loss">Mean loss of the batch before the step.</param>
/// <param name="GradientNorm">Joint Euclidean norm of all gradients before clipping.</param>
public readonly record struct StepResult(float Loss, float GradientNorm);

/// <summary>An encoder and a head in training, step by step; who chooses the batches is up to the caller.</summary>
public sealed class ItemTrainer : IDisposable
{
    const string HeadWeight = "classifier.weight";
    const string HeadBias = "classifier.bias";
    const string Targets = "targets";
    const string Loss = "loss";
    const string Logits = "logits";

    readonly BertConfig config;
    readonly ImmutableDictionary<string, Parameter> trained;
    readonly IReadOnlyDictionary<string, Tensor> initial;
    readonly ImmutableDictionary<string, OrtValue> frozen;
    readonly AdamW optimizer;
    readonly InferenceSession training;
    readonly InferenceSession scoring;
    readonly string[] trainingOutputs;
    readonly OrtValue[] trainingResults;
    readonly float[] loss = GC.AllocateArray<float>(1, pinned: true);

    /// <summary>Prepares training from a base model and a first head.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="encoder">Tensors to start from; frozen ones are read in place, the others copied.</param>
    /// <param name="head">Head to start from; its labels are the item's.</param>
    /// <param name="kind">What the labels mean, and so which loss is minimized.</param>
    /// <param name="recipe">Learning rates, weight decay, clipping, and what is frozen.</param>
    /// <param name="runtime">How the graph runs.</param>
    public ItemTrainer(
        BertConfig config, IReadOnlyDictionary<string, Tensor> encoder, Head head, ScoringKind kind, TrainingRecipe recipe, RuntimeOptions runtime)
    {
        BertTensors.Check(config, encoder);
        (this.config, initial, Labels) = (config, encoder, head.Labels);
        var frozenNames = recipe.FreezeEmbeddings ? BertTensors.EmbeddingTables : [];
        trained = BertTensors.Shapes(config).Keys.Except(frozenNames)
            .Select(name => new Parameter(name, encoder[name], recipe.EncoderLearningRate))
            .Append(new(HeadWeight, head.Weight, recipe.HeadLearningRate))
            .Append(new(HeadBias, head.Bias, recipe.HeadLearningRate))
            .ToImmutableDictionary(parameter => parameter.Name);
        frozen = frozenNames.ToImmutableDictionary(name => name, name => Bind(encoder[name].Values, encoder[name].Shape));
        Parameters = [.. trained.Values.OrderBy(parameter => parameter.Name, StringComparer.Ordinal)];
        optimizer = new(Parameters, recipe.WeightDecay, recipe.ClipNorm, runtime.Threads);

        var graph = new Graph();
        var nodes = new Dictionary<string, Node>();
        var weights = EncoderWeights.Declare(config, Declare);
        var classifier = new Linear(Declare(HeadWeight, Shape.Of(head.Weight.Shape)), Declare(HeadBias, Shape.Of(head.Bias.Shape)));
        var logits = classifier.Apply(new EncoderGraph(graph, config, weights).Pooled(new()));
        var mean = Losses.For(kind, logits, graph.Input(Targets, logits.Shape));
        var gradients = Gradients.Of(mean, [.. Parameters.Select(parameter => nodes[parameter.Name])]);

        trainingOutputs = [Loss, .. Parameters.Select(parameter => $"gradient of {parameter.Name}")];
        trainingResults = [Bind(loss, [1, 1]), .. Parameters.Select(parameter => parameter.GradientOutput)];
        training = Open(graph.ToModel(trainingOutputs.Zip(gradients.Prepend(mean))));
        scoring = Open(graph.ToModel([(Logits, logits)]));

        Node Declare(string name, Shape shape) => nodes[name] = graph.Input(name, shape);

        InferenceSession Open(byte[] model) => runtime.Open(options => new(model, options)).Session;
    }

    /// <summary>Number of the head's outputs.</summary>
    public int Labels { get; }

    /// <summary>What is trained, ordered by name.</summary>
    public ImmutableArray<Parameter> Parameters { get; }

    /// <summary>Takes one step down the loss of a batch.</summary>
    /// <param name="responses">Token ids of each response, without padding.</param>
    /// <param name="targets">For each response, the probability of each label; <c>[responses, labels]</c>.</param>
    /// <param name="rate">What learning rates are multiplied by: the schedule.</param>
    /// <param name="stop">Ends the step early; parameters then stay as they were.</param>
    public StepResult Step(ReadOnlySpan<int[]> responses, float[] targets, float rate, CancellationToken stop)
    {
        using var batch = TokenBatch.Pad(Inputs(responses), config.MaxPositions);
        using var expected = Bind(targets, [responses.Length, Labels]);
        Run(training, batch, expected, trainingOutputs, trainingResults, stop);
        return new(loss[0], optimizer.Step(rate));
    }

    /// <summary>Scores responses with the parameters as they are.</summary>
    /// <param name="responses">Token ids of each response, without padding.</param>
    /// <param name="logits">Receives <c>[responses, labels]</c>.</param>
    /// <param name="stop">Ends the run early.</param>
    public void Score(ReadOnlySpan<int[]> responses, float[] logits, CancellationToken stop)
    {
        using var batch = TokenBatch.Pad(Inputs(responses), config.MaxPositions);
        using var result = Bind(logits, [responses.Length, Labels]);
        Run(scoring, batch, null, [Logits], [result], stop);
    }

    /// <summary>A copy of the encoder as it is; frozen tensors are shared with the base model.</summary>
    public IReadOnlyDictionary<string, Tensor> Encoder() => BertTensors.Shapes(config).Keys.ToDictionary(
        name => name, name => trained.TryGetValue(name, out var parameter) ? parameter.ToTensor() : initial[name]);

    /// <summary>A copy of the head as it is.</summary>
    public Head Head() => new(trained[HeadWeight].ToTensor(), trained[HeadBias].ToTensor());

    /// <inheritdoc/>
    public void Dispose()
    {
        training.Dispose();
        scoring.Dispose();
        trainingResults[0].Dispose();
        foreach (var parameter in Parameters)
            parameter.Dispose();
        foreach (var value in frozen.Values)
            value.Dispose();
    }

    void Run(
        InferenceSession session, TokenBatch batch, OrtValue? targets, IReadOnlyCollection<string> outputs, IReadOnlyCollection<OrtValue> results,
        CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var inputs = session.InputNames;
        var values = inputs.Select(name => name switch
        {
            EncoderGraph.IdsInput => batch.Ids,
            EncoderGraph.MaskInput => batch.Mask,
            Targets => targets!,
            _ => trained.TryGetValue(name, out var parameter) ? parameter.ValuesInput : frozen[name],
        }).ToArray();
        using var options = new RunOptions();
        using var registration = stop.Register(() => options.Terminate = true);
        try
        {
            session.Run(options, inputs, values, outputs, results);
        }
        catch (OnnxRuntimeException e) when (stop.IsCancellationRequested)
        {
            throw new OperationCanceledException("Training was cancelled.", e, stop);
        }
    }

    static EncoderInput[] Inputs(ReadOnlySpan<int[]> responses) => Array.ConvertAll(responses.ToArray(), ids => new EncoderInput(ids));

    static OrtValue Bind(float[] values, ImmutableArray<int> shape) =>
        OrtValue.CreateTensorValueFromMemory(values, [.. shape.Select(size => (long)size)]);
}
