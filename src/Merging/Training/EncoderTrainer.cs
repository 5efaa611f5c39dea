using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Torch;
using TorchSharp;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Merging.Training;

/// <summary>A response in training.</summary>
/// <param name="Ids">Token ids without padding.</param>
/// <param name="Item">Position of its item among the heads.</param>
/// <param name="Targets">Probability of each label of its item; null where the objective needs none.</param>
/// <param name="Features">Pooled vector to come close to, <c>[hidden]</c>; null where the objective needs none.</param>
public sealed record TrainingExample(int[] Ids, int Item, float[]? Targets = null, float[]? Features = null);

/// <summary>What one training step found.</summary>
/// <param name="Loss">The objective before the step: a mean over its responses.</param>
/// <param name="GradientNorm">Joint Euclidean norm of all gradients before clipping.</param>
public readonly record struct StepResult(double Loss, float GradientNorm);

/// <summary>
/// One encoder in training, for one item or several at once: any of its tensors, routers and coefficients among them, by any objective. A step's responses may
/// mix items; each is scored by its own item's head. Who chooses the steps is up to the caller.
/// </summary>
/// <remarks>
/// A step is dealt into two halves that run side by side, each in passes of a token budget; their gradients are summed in a fixed order. So the bits do not
/// depend on the number of threads.
/// </remarks>
public sealed class EncoderTrainer : IDisposable
{
    const int Halves = 2;
    const int TokensPerPass = 512;
    const string HeadWeight = "heads.weight";
    const string HeadBias = "heads.bias";
    const string FirstMoment = " first moment";
    const string SecondMoment = " second moment";
    const string StepsKey = "steps";

    readonly EncoderModel model;
    readonly StackedHeads heads;
    readonly TrainingObjective objective;
    readonly TorchProgram program;
    readonly ImmutableSortedDictionary<string, Parameter> trained;
    readonly ImmutableSortedDictionary<string, TorchTensor> frozen;
    readonly ImmutableArray<Half> halves;
    readonly AdamW optimizer;
    readonly ParallelOptions parallel;

    /// <summary>Prepares training.</summary>
    /// <param name="model">The encoder to start from.</param>
    /// <param name="rates">Names of the tensors that are trained, each with its learning rate; all others stay as they are.</param>
    /// <param name="heads">The items' heads.</param>
    /// <param name="headRate">Learning rate of the heads; null where they stay as they are.</param>
    /// <param name="objective">What is minimized.</param>
    /// <param name="optimization">Weight decay and clipping.</param>
    /// <param name="threads">Threads at work at once; at least 1.</param>
    /// <param name="stop">Ends a step early; parameters then stay as they were.</param>
    public EncoderTrainer(
        EncoderModel model, IReadOnlyDictionary<string, float> rates, StackedHeads heads, float? headRate, TrainingObjective objective,
        Optimization optimization, int threads, CancellationToken stop)
    {
        BertTensors.Check(model.Config, model.Shared);
        this.model = model;
        this.heads = heads;
        this.objective = objective;
        var inOrder = rates.OrderBy(rate => rate.Key, StringComparer.Ordinal);
        Settings = string.Create(CultureInfo.InvariantCulture, $"{objective} {headRate} {optimization} {string.Join(' ', inOrder)}");

        var graph = new Graph();
        program = new(graph, [model.Build(graph, graph.Input).Pooled(new())]);
        var trainable = rates.Select(rate => new Parameter(rate.Key, model.TensorOf(rate.Key), rate.Value)).ToList();
        if (headRate is { } ofHeads)
            trainable.AddRange([new(HeadWeight, heads.Weight, ofHeads), new(HeadBias, heads.Bias, ofHeads)]);
        trained = trainable.ToImmutableSortedDictionary(parameter => parameter.Name, parameter => parameter, StringComparer.Ordinal);
        frozen = program.Inputs.Except(EncoderGraph.InputsOfARun).Concat([HeadWeight, HeadBias]).Except(trained.Keys).ToImmutableSortedDictionary(
            name => name, name => TensorOf(name).ToTorch().DetachFromDisposeScope(), StringComparer.Ordinal);
        Parameters = [.. trained.Values];
        halves = [.. Enumerable.Range(0, Halves).Select(_ => new Half(Parameters))];
        optimizer = new(Parameters, optimization.WeightDecay, optimization.ClipNorm, threads);
        parallel = new() { MaxDegreeOfParallelism = Math.Min(Halves, threads), CancellationToken = stop };
    }

    /// <summary>Prepares the fine-tuning of one item's encoder and head on labels.</summary>
    /// <param name="start">What to start from.</param>
    /// <param name="recipe">Learning rates, weight decay, clipping, and what is frozen.</param>
    /// <param name="threads">Threads at work at once; at least 1.</param>
    /// <param name="stop">Ends a step early; parameters then stay as they were.</param>
    public static EncoderTrainer ForItem(ItemModel start, TrainingRecipe recipe, int threads, CancellationToken stop)
    {
        var frozen = recipe.FreezeEmbeddings ? BertTensors.EmbeddingTables : [];
        var rates = BertTensors.Shapes(start.Config).Keys.Except(frozen).ToDictionary(name => name, _ => recipe.EncoderLearningRate);
        return new(
            new StaticEncoder(start.Config, start.Encoder), rates, StackedHeads.Of([start.Item], [start.Head]), recipe.HeadLearningRate,
            new() { Targets = 1 }, new(recipe.WeightDecay, recipe.ClipNorm), threads, stop);
    }

    /// <summary>What is trained, ordered by name.</summary>
    public ImmutableArray<Parameter> Parameters { get; }

    /// <summary>What decides a step besides weights and responses.</summary>
    internal string Settings { get; }

    /// <summary>Takes one step down the objective.</summary>
    /// <param name="responses">The responses of the step, of any items.</param>
    /// <param name="rate">What learning rates are multiplied by: the schedule.</param>
    /// <exception cref="ArithmeticException">The objective or its gradient is no longer finite.</exception>
    public StepResult Step(IReadOnlyList<TrainingExample> responses, float rate)
    {
        // Dealt in order of length: both halves get as much work, and little of it is padding.
        var dealt = responses.OrderBy(response => response.Ids.Length).Index().ToLookup(row => row.Index % Halves, row => row.Item);
        Parallel.For(0, Halves, parallel, half => Run(halves[half], [.. dealt[half]], 1f / responses.Count));

        foreach (var parameter in Parameters)
            parameter.Take(SumOfGradients(parameter.Name));
        var loss = halves.Sum(half => half.Loss);
        var norm = optimizer.Step(rate);
        return double.IsFinite(loss) && float.IsFinite(norm)
            ? new(loss, norm)
            : throw new ArithmeticException("Training diverged: its objective is no longer finite. Lower the learning rate.");
    }

    /// <summary>Scores responses with the parameters as they are.</summary>
    /// <param name="responses">The responses, of any items.</param>
    /// <returns>For each response one logit per label of the item that has most; <c>[responses, labels]</c>.</returns>
    public float[] Score(IReadOnlyList<TrainingExample> responses)
    {
        var logits = new float[responses.Count * heads.Labels];
        int[] order = [.. Enumerable.Range(0, responses.Count).OrderBy(row => responses[row].Ids.Length)];
        Parallel.ForEach(Passes([.. order.Select(row => responses[row])]), parallel, pass =>
        {
            using var inference = torch.no_grad();
            using var scope = Libtorch.Scope();
            var rows = Logits(halves[0], Pooled(halves[0], pass.Rows), pass.Rows).Floats();
            for (var row = 0; row < pass.Rows.Length; row++)
                rows.Slice(row * heads.Labels, heads.Labels).CopyTo(logits.AsSpan(order[pass.Start + row] * heads.Labels));
        });
        return logits;
    }

    /// <summary>Copies of the trained tensors of the encoder, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Trained() => trained
        .Where(parameter => parameter.Key is not (HeadWeight or HeadBias))
        .ToDictionary(parameter => parameter.Key, parameter => parameter.Value.ToTensor());

    /// <summary>A copy of the shared tensors; those that were not trained are the ones it started from.</summary>
    public IReadOnlyDictionary<string, Tensor> Shared()
    {
        var copies = Trained();
        return model.Shared.ToDictionary(tensor => tensor.Key, tensor => copies.GetValueOrDefault(tensor.Key) ?? tensor.Value);
    }

    /// <summary>A copy of the heads as they are.</summary>
    public ImmutableArray<Head> Heads() => trained.TryGetValue(HeadWeight, out var weight)
        ? (heads with { Weight = weight.ToTensor(), Bias = trained[HeadBias].ToTensor() }).Heads()
        : heads.Heads();

    /// <summary>Adds every weight that a step reads to a hash.</summary>
    internal void AppendWeights(IncrementalHash hash)
    {
        foreach (var name in trained.Keys.Concat(frozen.Keys).Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            ReadOnlySpan<float> values = trained.TryGetValue(name, out var parameter) ? parameter.Values : TensorOf(name).Values;
            hash.AppendData(MemoryMarshal.AsBytes(values));
        }
    }

    /// <summary>Writes the state: a file that appears complete or not at all.</summary>
    internal void Keep(string path)
    {
        var tensors = new Dictionary<string, Tensor>();
        foreach (var moments in optimizer.State)
        {
            var parameter = moments.Parameter;
            tensors[parameter.Name] = parameter.ToTensor();
            tensors[$"{parameter.Name}{FirstMoment}"] = new(parameter.Shape, moments.First);
            tensors[$"{parameter.Name}{SecondMoment}"] = new(parameter.Shape, moments.Second);
        }
        var unfinished = $"{path}.new";
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(unfinished);
        SafetensorsWriter.Write(
            unfinished, tensors, new Dictionary<string, string> { [StepsKey] = optimizer.Steps.ToString(CultureInfo.InvariantCulture) });
        File.Move(unfinished, path, overwrite: true);
    }

    /// <summary>Goes back to a state that was kept.</summary>
    /// <returns>The steps that were taken until then; 0 where there is none.</returns>
    internal int Restore(string path)
    {
        if (!File.Exists(path))
            return 0;
        using var file = SafetensorsFile.Open(path);
        foreach (var moments in optimizer.State)
        {
            file.Read(moments.Parameter.Name, moments.Parameter.Values);
            file.Read($"{moments.Parameter.Name}{FirstMoment}", moments.First);
            file.Read($"{moments.Parameter.Name}{SecondMoment}", moments.Second);
        }
        return optimizer.Steps = int.Parse(file.Metadata[StepsKey], CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        program.Dispose();
        foreach (var parameter in Parameters)
            parameter.Dispose();
        foreach (var tensor in frozen.Values)
            tensor.Dispose();
        foreach (var half in halves)
            half.Dispose();
    }

    void Run(Half half, TrainingExample[] rows, float rowWeight)
    {
        half.Clear();
        foreach (var pass in Passes(rows))
        {
            parallel.CancellationToken.ThrowIfCancellationRequested();
            using var scope = Libtorch.Scope();
            var loss = Loss(half, pass.Rows, rowWeight);
            loss.backward();
            half.Loss += loss.Floats()[0];
        }
    }

    TorchTensor SumOfGradients(string parameter)
    {
        using var scope = Libtorch.Scope();
        var sum = halves[0].GradientOf(parameter)
            ?? throw new InvalidOperationException($"The objective does not depend on '{parameter}', so it cannot be trained.");
        foreach (var half in halves.Skip(1))
        {
            if (half.GradientOf(parameter) is { } addend)
                sum.add_(addend);
        }
        return sum.contiguous().DetachFromDisposeScope();
    }

    IEnumerable<Pass> Passes(TrainingExample[] rows)
    {
        for (var start = 0; start < rows.Length;)
        {
            var count = 1;
            while (start + count < rows.Length && count < model.ResponsesPerPass && (count + 1) * rows[start + count].Ids.Length <= TokensPerPass)
                count++;
            yield return new(start, rows[start..(start + count)]);
            start += count;
        }
    }

    // Σ over the rows of weight · objective.
    TorchTensor Loss(Half half, TrainingExample[] rows, float rowWeight)
    {
        var pooled = Pooled(half, rows);
        var terms = new List<TorchTensor>();
        if (objective.Targets > 0 || objective.Entropy > 0)
        {
            var logits = Logits(half, pooled, rows);
            if (objective.Targets > 0)
            {
                var targets = Stack(rows, row => row.Targets, heads.Labels);
                var (ofClasses, ofLabels) = Weights(rows, rowWeight * objective.Targets);
                terms.Add(((Losses.CrossEntropy(logits, targets) * ofClasses) + (Losses.BinaryCrossEntropy(logits, targets) * ofLabels)).sum());
            }
            if (objective.Entropy > 0)
            {
                var (ofClasses, ofLabels) = Weights(rows, rowWeight * objective.Entropy);
                terms.Add(((Losses.Entropy(logits) * ofClasses) + (Losses.BinaryEntropy(logits) * ofLabels)).sum());
            }
        }
        if (objective.Features > 0)
        {
            var difference = pooled - Stack(rows, row => row.Features, model.Config.HiddenSize);
            var weight = TorchMemory.Copy([(float)(rowWeight * objective.Features)], 1);
            terms.Add(((difference * difference).mean([1]) * weight).sum());
        }
        return terms.Count == 0 ? throw new InvalidOperationException("The objective has no term.") : terms.Aggregate((a, b) => a + b);
    }

    TorchTensor Pooled(Half half, TrainingExample[] rows)
    {
        var batch = TorchBatch.Pad(Array.ConvertAll(rows, row => new EncoderInput(row.Ids, row.Item)), model.Config.MaxPositions);
        return program.Run(name => batch.ValueOf(name) ?? ValueOf(half, name))[0];
    }

    // Each row by its own item's head.
    TorchTensor Logits(Half half, TorchTensor pooled, TrainingExample[] rows)
    {
        var items = TorchMemory.Copy(Array.ConvertAll(rows, row => (long)row.Item), rows.Length);
        var weight = ValueOf(half, HeadWeight).index_select(0, items);
        var bias = ValueOf(half, HeadBias).index_select(0, items);
        return weight.bmm(pooled.unsqueeze(2)).squeeze(2) + bias;
    }

    // What losses over classes, and those over labels, count in each row: one of them nothing, and the latter as means over the labels.
    (TorchTensor OfClasses, TorchTensor OfLabels) Weights(TrainingExample[] rows, double weight)
    {
        var (ofClasses, ofLabels) = (new float[rows.Length], new float[rows.Length]);
        for (var row = 0; row < rows.Length; row++)
        {
            var item = heads.Items[rows[row].Item];
            if (item.Scoring == ScoringKind.MultiClass)
                ofClasses[row] = (float)weight;
            else
                ofLabels[row] = (float)(weight / item.Labels.Length);
        }
        return (TorchMemory.Copy(ofClasses, rows.Length), TorchMemory.Copy(ofLabels, rows.Length));
    }

    static TorchTensor Stack(TrainingExample[] rows, Func<TrainingExample, float[]?> valuesOf, int width)
    {
        var stacked = new float[rows.Length * width];
        for (var row = 0; row < rows.Length; row++)
            valuesOf(rows[row])?.CopyTo(stacked.AsSpan(row * width));
        return TorchMemory.Copy(stacked, rows.Length, width);
    }

    TorchTensor ValueOf(Half half, string name) => half.Variables.GetValueOrDefault(name) ?? frozen[name];

    Tensor TensorOf(string name) => name switch
    {
        HeadWeight => heads.Weight,
        HeadBias => heads.Bias,
        _ => model.TensorOf(name),
    };

    /// <summary>Rows that are computed together.</summary>
    /// <param name="Start">Position of the first one.</param>
    /// <param name="Rows">The rows.</param>
    readonly record struct Pass(int Start, TrainingExample[] Rows);

    /// <summary>One half of a step: the parameters as its thread sees them, and what its passes add up to.</summary>
    sealed class Half(IEnumerable<Parameter> parameters) : IDisposable
    {
        public ImmutableDictionary<string, TorchTensor> Variables { get; } =
            parameters.ToImmutableDictionary(parameter => parameter.Name, parameter => parameter.NewVariable());

        public double Loss { get; set; }

        /// <summary>The sum of a parameter's gradients; null where no pass gave one.</summary>
        public TorchTensor? GradientOf(string parameter) => Variables[parameter].grad;

        public void Clear()
        {
            Loss = 0;
            foreach (var variable in Variables.Values)
                variable.grad = null;
        }

        public void Dispose()
        {
            foreach (var variable in Variables.Values)
                variable.Dispose();
        }
    }
}
