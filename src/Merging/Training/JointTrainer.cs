using System.Collections.Immutable;
using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Training;

/// <summary>A response in joint training.</summary>
/// <param name="Ids">Token ids without padding.</param>
/// <param name="Item">Position of its item among the heads.</param>
/// <param name="Targets">Probability of each label of its item; null where the objective needs none.</param>
/// <param name="Features">Pooled vector to come close to, <c>[hidden]</c>; null where the objective needs none.</param>
public sealed record JointExample(int[] Ids, int Item, float[]? Targets = null, float[]? Features = null);

/// <summary>
/// One encoder in training for several items at once: any of its tensors, routers and coefficients among them, by any objective. A step's responses may mix
/// items; each is scored by its own item's head.
/// </summary>
/// <remarks>
/// A step is dealt into two halves that run side by side, each in passes of a token budget; their gradients are summed in a fixed order. So the bits do not
/// depend on the number of threads.
/// </remarks>
public sealed class JointTrainer : IDisposable
{
    const int Halves = 2;
    const int TokensPerPass = 512;
    const string HeadWeight = "heads.weight";
    const string HeadBias = "heads.bias";
    const string ItemInput = "item";
    const string Targets = "targets";
    const string Features = "features";
    const string RowWeight = "row weight";
    const string ClassWeight = "class weight";
    const string LabelWeight = "label weight";
    const string Loss = "loss";
    const string FirstMoment = " first moment";
    const string SecondMoment = " second moment";
    const string StepsKey = "steps";

    readonly EncoderModel model;
    readonly StackedHeads heads;
    readonly ImmutableSortedDictionary<string, Parameter> trained;
    readonly Dictionary<string, OrtValue> frozen = [];
    readonly ImmutableArray<Parameter> parameters;
    readonly AdamW optimizer;
    readonly InferenceSession session;
    readonly string[] outputs;
    readonly Half[] halves;
    readonly ParallelOptions parallel;

    /// <summary>Prepares training.</summary>
    /// <param name="model">The encoder to start from.</param>
    /// <param name="rates">Names of the tensors that are trained, each with its learning rate; all others stay as they are.</param>
    /// <param name="heads">The items' heads.</param>
    /// <param name="headRate">Learning rate of the heads; null where they stay as they are.</param>
    /// <param name="objective">What is minimized.</param>
    /// <param name="weightDecay">Decoupled weight decay on every trained tensor, per step at learning rate 1.</param>
    /// <param name="work">How it runs.</param>
    public JointTrainer(
        EncoderModel model, IReadOnlyDictionary<string, float> rates, StackedHeads heads, float? headRate, JointObjective objective, float weightDecay,
        Methods.MergeWork work)
    {
        (this.model, this.heads) = (model, heads);
        Settings = string.Create(CultureInfo.InvariantCulture, $"{objective} {headRate} {weightDecay} {string.Join(' ', rates.OrderBy(rate => rate.Key, StringComparer.Ordinal))}");
        var graph = new Graph();
        var nodes = new Dictionary<string, Node>();
        var encoder = model.Build(graph, Declare);
        var loss = LossOf(graph, encoder.Pooled(new()), objective);

        var trainable = rates.Select(rate => new Parameter(rate.Key, TensorOf(rate.Key), rate.Value)).ToList();
        if (headRate is { } ofHeads)
            trainable.AddRange([new(HeadWeight, heads.Weight, ofHeads), new(HeadBias, heads.Bias, ofHeads)]);
        trained = trainable.ToImmutableSortedDictionary(parameter => parameter.Name, parameter => parameter, StringComparer.Ordinal);
        parameters = [.. trained.Values];
        optimizer = new(parameters, weightDecay, clipNorm: 1, work.Threads);

        var gradients = Gradients.Of(loss, [.. parameters.Select(parameter => nodes[parameter.Name])]);
        outputs = [Loss, .. parameters.Select(parameter => $"gradient of {parameter.Name}")];
        var onnx = graph.ToModel(outputs.Zip(gradients.Prepend(loss)));
        var runtime = work.Runtime with { Threads = Math.Max(1, work.Threads / Halves) };
        session = runtime.Open(options => new InferenceSession(onnx, options)).Session;
        foreach (var name in session.InputNames.Where(name => nodes.ContainsKey(name) && !trained.ContainsKey(name)))
        {
            var tensor = TensorOf(name);
            frozen[name] = Bind(tensor.Values, tensor.Shape);
        }
        halves = [.. Enumerable.Range(0, Halves).Select(_ => new Half(parameters))];
        parallel = new() { MaxDegreeOfParallelism = Math.Min(Halves, work.Threads), CancellationToken = work.Stop };

        Node Declare(string name, Shape shape) => nodes[name] = graph.Input(name, shape);

        Node LossOf(Graph graph, Node pooled, JointObjective objective)
        {
            var (labels, hidden) = (heads.Labels, model.Config.HiddenSize);
            var terms = new List<Node>();
            if (objective.Targets > 0 || objective.Entropy > 0)
            {
                var item = graph.Input(ItemInput, ElementType.I64, ["batch"]);
                var weight = Declare(HeadWeight, Shape.Of(heads.Weight.Shape)).Gather(item);
                var bias = Declare(HeadBias, Shape.Of(heads.Bias.Shape)).Gather(item);
                var logits = weight.MatMul(pooled.Reshape(["batch", hidden, 1])).Reshape(["batch", labels]) + bias;
                var (ofClasses, ofLabels) = (graph.Input(ClassWeight, ["batch", 1]), graph.Input(LabelWeight, ["batch", 1]));
                if (objective.Targets > 0)
                {
                    var targets = graph.Input(Targets, ["batch", labels]);
                    var classes = -(logits.LogSoftmax() * targets).Sum(1);
                    var labelwise = (logits.Softplus() - (logits * targets)).Sum(1);
                    terms.Add(((classes * ofClasses) + (labelwise * ofLabels)) * objective.Targets);
                }
                if (objective.Entropy > 0)
                    terms.Add(((Losses.Entropy(logits) * ofClasses) + (Losses.BinaryEntropy(logits) * ofLabels)) * objective.Entropy);
            }
            if (objective.Features > 0)
            {
                var difference = pooled - graph.Input(Features, ["batch", hidden]);
                terms.Add((difference * difference).Mean(1) * graph.Input(RowWeight, ["batch", 1]) * objective.Features);
            }
            return terms.Aggregate((a, b) => a + b).Sum(0);
        }
    }

    /// <summary>Takes one step down the objective.</summary>
    /// <param name="responses">The responses of the step, of any items.</param>
    /// <param name="rate">What learning rates are multiplied by: the schedule.</param>
    /// <returns>The objective before the step.</returns>
    /// <exception cref="ArithmeticException">The objective or its gradient is no longer finite.</exception>
    public double Step(IReadOnlyList<JointExample> responses, float rate)
    {
        // Dealt in order of length: both halves get as much work, and little of it is padding.
        var dealt = responses.OrderBy(response => response.Ids.Length).Index().ToLookup(row => row.Index % Halves, row => row.Item);
        Parallel.For(0, Halves, parallel, half => halves[half].Loss = Run(halves[half], [.. dealt[half]], 1f / responses.Count));

        for (var i = 0; i < parameters.Length; i++)
            TensorPrimitives.Add(halves[0].Sums[i], halves[1].Sums[i], parameters[i].Gradient);
        var loss = halves.Sum(half => half.Loss);
        var norm = optimizer.Step(rate);
        return double.IsFinite(loss) && float.IsFinite(norm)
            ? loss
            : throw new ArithmeticException("Training diverged: its objective is no longer finite. Lower the learning rate.");
    }

    /// <summary>What decides a step besides weights and responses.</summary>
    internal string Settings { get; }

    /// <summary>Adds every weight that a step reads to a hash.</summary>
    internal void AppendWeights(IncrementalHash hash)
    {
        foreach (var name in session.InputNames.Where(name => trained.ContainsKey(name) || frozen.ContainsKey(name)).Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(MemoryMarshal.AsBytes<float>(trained.TryGetValue(name, out var parameter) ? parameter.Values : TensorOf(name).Values));
        }
    }

    /// <summary>Writes the state: a file that appears complete or not at all.</summary>
    internal void Keep(string path)
    {
        var tensors = new Dictionary<string, Tensor>();
        foreach (var moments in optimizer.State)
        {
            var parameter = moments.Parameter;
            tensors[parameter.Name] = new(parameter.Shape, parameter.Values);
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

    /// <summary>Copies of the trained tensors of the encoder, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Trained() =>
        trained.Where(parameter => parameter.Key is not (HeadWeight or HeadBias)).ToDictionary(parameter => parameter.Key, parameter => parameter.Value.ToTensor());

    /// <summary>A copy of the shared tensors; those that were not trained are the ones it started from.</summary>
    public IReadOnlyDictionary<string, Tensor> Shared()
    {
        var copies = Trained();
        return model.Shared.ToDictionary(tensor => tensor.Key, tensor => copies.GetValueOrDefault(tensor.Key) ?? tensor.Value);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        foreach (var parameter in parameters)
            parameter.Dispose();
        foreach (var value in frozen.Values)
            value.Dispose();
        foreach (var half in halves)
            half.Dispose();
    }

    double Run(Half half, JointExample[] rows, float rowWeight)
    {
        half.Clear();
        var loss = 0.0;
        for (var start = 0; start < rows.Length;)
        {
            var count = 1;
            while (start + count < rows.Length && count < model.ResponsesPerPass && (count + 1) * rows[start + count].Ids.Length <= TokensPerPass)
                count++;
            loss += Pass(half, rows.AsSpan(start, count), rowWeight);
            start += count;
        }
        return loss;
    }

    double Pass(Half half, ReadOnlySpan<JointExample> rows, float rowWeight)
    {
        var (count, labels, hidden) = (rows.Length, heads.Labels, model.Config.HiddenSize);
        var inputs = new EncoderInput[count];
        float[] targets = new float[count * labels], features = new float[count * hidden];
        float[] weights = new float[count], ofClasses = new float[count], ofLabels = new float[count];
        for (var row = 0; row < count; row++)
        {
            var (response, item) = (rows[row], heads.Items[rows[row].Item]);
            inputs[row] = new(response.Ids, response.Item);
            response.Targets?.CopyTo(targets.AsSpan(row * labels));
            response.Features?.CopyTo(features.AsSpan(row * hidden));
            weights[row] = rowWeight;
            if (item.Scoring == ScoringKind.MultiClass)
                ofClasses[row] = rowWeight;
            else
                ofLabels[row] = rowWeight / item.Labels.Length;
        }

        using var batch = TokenBatch.Pad(inputs, model.Config.MaxPositions);
        var own = new List<OrtValue>();
        try
        {
            var names = session.InputNames;
            OrtValue[] values = [.. names.Select(ValueOf)];
            using var options = new RunOptions();
            using var registration = parallel.CancellationToken.Register(() => options.Terminate = true);
            return half.Take(results => session.Run(options, names, values, outputs, results));
        }
        catch (OnnxRuntimeException e) when (parallel.CancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException("Training was cancelled.", e, parallel.CancellationToken);
        }
        finally
        {
            own.ForEach(value => value.Dispose());
        }

        OrtValue ValueOf(string name) => name switch
        {
            EncoderGraph.IdsInput => batch.Ids,
            EncoderGraph.MaskInput => batch.Mask,
            EncoderGraph.ExpertInput or ItemInput => batch.Experts,
            Targets => Own(targets, [count, labels]),
            Features => Own(features, [count, hidden]),
            RowWeight => Own(weights, [count, 1]),
            ClassWeight => Own(ofClasses, [count, 1]),
            LabelWeight => Own(ofLabels, [count, 1]),
            _ => trained.TryGetValue(name, out var parameter) ? parameter.ValuesInput : frozen[name],
        };

        OrtValue Own(float[] values, ImmutableArray<int> shape)
        {
            own.Add(Bind(values, shape));
            return own[^1];
        }
    }

    Tensor TensorOf(string name) => name switch { HeadWeight => heads.Weight, HeadBias => heads.Bias, _ => model.TensorOf(name) };

    static OrtValue Bind(float[] values, ImmutableArray<int> shape) =>
        OrtValue.CreateTensorValueFromMemory(values, [.. shape.Select(size => (long)size)]);

    /// <summary>One half of a step: the sums of its passes' gradients, and the buffers that passes after the first write to.</summary>
    sealed class Half : IDisposable
    {
        readonly ImmutableArray<Parameter> parameters;
        readonly float[] loss = GC.AllocateArray<float>(1, pinned: true);
        readonly OrtValue lossOutput;
        readonly OrtValue[] sumOutputs;
        (float[][] Buffers, OrtValue[] Outputs)? later;
        bool isEmpty;

        public Half(ImmutableArray<Parameter> parameters)
        {
            this.parameters = parameters;
            lossOutput = Bind(loss, [1, 1]);
            (Sums, sumOutputs) = Allocate();
        }

        public float[][] Sums { get; }

        public double Loss { get; set; }

        public void Clear()
        {
            isEmpty = true;
            foreach (var sum in Sums)
                Array.Clear(sum);
        }

        /// <summary>Runs a pass and adds its gradients.</summary>
        public double Take(Action<IReadOnlyCollection<OrtValue>> run)
        {
            if (isEmpty)
            {
                run([lossOutput, .. sumOutputs]);
            }
            else
            {
                var (buffers, outputs) = later ??= Allocate();
                run([lossOutput, .. outputs]);
                for (var i = 0; i < Sums.Length; i++)
                    TensorPrimitives.Add(Sums[i], buffers[i], Sums[i]);
            }
            isEmpty = false;
            return loss[0];
        }

        public void Dispose()
        {
            lossOutput.Dispose();
            foreach (var output in sumOutputs.Concat(later?.Outputs ?? []))
                output.Dispose();
        }

        (float[][] Buffers, OrtValue[] Outputs) Allocate()
        {
            float[][] buffers = [.. parameters.Select(parameter => GC.AllocateUninitializedArray<float>(parameter.Values.Length, pinned: true))];
            return (buffers, [.. buffers.Zip(parameters, (buffer, parameter) => Bind(buffer, parameter.Shape))]);
        }
    }
}
