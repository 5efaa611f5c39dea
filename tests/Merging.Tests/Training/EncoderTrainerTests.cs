using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;
using TorchSharp;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Tests.Training;

public sealed class EncoderTrainerTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["x", "y"], Points = [1, 1] };
    static readonly StaticEncoder Encoder = new(TinyBert.Config, TinyBert.Encoder);

    [Fact]
    public void Bits_do_not_depend_on_the_number_of_threads()
    {
        IReadOnlyDictionary<string, Tensor> Train(int threads)
        {
            using var trainer = Mixed(new() { Targets = 1 }, threads);
            for (var step = 0; step < 4; step++)
                trainer.Step([.. Examples(0), .. Examples(1)], 1);
            return trainer.Trained();
        }

        var (one, four) = (Train(1), Train(4));

        foreach (var (name, tensor) in one)
            Assert.Equal(tensor.Values, four[name].Values);
    }

    [Fact]
    public void Memory_stays_flat_over_five_hundred_steps()
    {
        var rates = BertTensors.Shapes(TinyBert.Config).Keys.Except(BertTensors.EmbeddingTables).ToDictionary(name => name, _ => 1e-5f);
        using var trainer = new EncoderTrainer(
            Encoder, rates, StackedHeads.Of([Scale], [TinyBert.Head]), 1e-5f, new() { Targets = 1 }, new(WeightDecay: 0), threads: 1, default);
        Train(50);
        var (tensors, resident) = (torch.Tensor.TotalCount, Resident());

        Train(500);

        Assert.InRange(torch.Tensor.TotalCount, 0, tensors + 2000);
        Assert.InRange(Resident(), 0, resident + (64L << 20));

        void Train(int steps)
        {
            for (var step = 0; step < steps; step++)
                trainer.Step(TinyBert.Examples, 1);
        }

        static long Resident()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    [Fact]
    public void A_parameter_that_the_objective_does_not_depend_on_is_named()
    {
        using var trainer = new EncoderTrainer(
            Encoder, Rates(), StackedHeads.Of([Scale], [TinyBert.Head]), 1e-3f, new() { Features = 1 }, new(WeightDecay: 0), threads: 1, default);

        var error = Assert.Throws<InvalidOperationException>(() => trainer.Step([new(TinyBert.Responses[0], 0, null, new float[32])], 1));

        Assert.Contains("does not depend on 'heads.bias'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_objective_of_a_mixed_step_is_the_mean_over_its_responses()
    {
        using var trainer = Mixed(new() { Targets = 1 }, threads: 2);
        var (scale, rubric) = (trainer.Step([.. Examples(0)], 0).Loss, trainer.Step([.. Examples(1)], 0).Loss);

        Assert.Equal((scale + rubric) / 2, trainer.Step([.. Examples(1), .. Examples(0)], 0).Loss, 1e-5);
    }

    [Fact]
    public void A_pooled_vector_that_is_met_costs_nothing()
    {
        using var session = EncoderSession.Create(Encoder, new(), new() { Threads = 1 });
        var pooled = new float[TinyBert.Responses.Length * session.HiddenSize];
        session.Encode([.. TinyBert.Responses.Select(ids => new EncoderInput(ids))], pooled);
        using var trainer = Mixed(new() { Features = 1 }, threads: 1);

        var met = trainer.Step([.. TinyBert.Responses.Zip(pooled.Chunk(session.HiddenSize), (ids, features) => new TrainingExample(ids, 0, null, features))], 0).Loss;
        var missed = trainer.Step([.. TinyBert.Responses.Select(ids => new TrainingExample(ids, 0, null, new float[session.HiddenSize]))], 0).Loss;

        Assert.Equal(0, met, 1e-9);
        Assert.Equal(pooled.Average(value => (double)value * value), missed, 1e-4);
    }

    [Fact]
    public void Labels_that_an_item_lacks_have_no_probability_and_stay_out_of_the_entropy()
    {
        using var together = Mixed(new() { Entropy = 1 }, threads: 1);
        using var alone = new EncoderTrainer(
            Encoder, Rates(), StackedHeads.Of([Rubric], [RubricHead]), null, new() { Entropy = 1 }, new(WeightDecay: 0), threads: 1, default);

        Assert.Equal(
            alone.Step([.. Examples(0, targets: false)], 0).Loss, together.Step([.. Examples(1, targets: false)], 0).Loss, 1e-6);
    }

    [Fact]
    public void Heads_come_out_of_the_stack_as_they_went_in()
    {
        var heads = StackedHeads.Of([Scale, Rubric], [TinyBert.Head, RubricHead]).Heads();

        Assert.Equal(TinyBert.Head.Weight.Values, heads[0].Weight.Values);
        Assert.Equal(RubricHead.Weight.Values, heads[1].Weight.Values);
        Assert.Equal(RubricHead.Bias.Values, heads[1].Bias.Values);
    }

    [Fact]
    public void Divergence_is_an_error_and_no_encoder()
    {
        using var trainer = Mixed(new() { Features = 1 }, threads: 1);
        float[] infinite = [.. Enumerable.Repeat(float.MaxValue, TinyBert.Config.HiddenSize)];

        var error = Assert.Throws<ArithmeticException>(() => trainer.Step([new(TinyBert.Responses[0], 0, null, infinite)], 1));
        Assert.Contains("Lower the learning rate", error.Message, StringComparison.Ordinal);
    }

    static Head RubricHead { get; } = new(
        new([2, 32], TinyBert.Head.Weight.Values[..64]), new([2], [.1f, -.2f]));

    static EncoderTrainer Mixed(TrainingObjective objective, int threads) => new(
        Encoder, Rates(), StackedHeads.Of([Scale, Rubric], [TinyBert.Head, RubricHead]), null, objective, new(WeightDecay: 0), threads, default);

    static Dictionary<string, float> Rates() => new() { ["encoder.layer.1.output.dense.weight"] = 1e-3f };

    static IEnumerable<TrainingExample> Examples(int item, bool targets = true) => TinyBert.Responses.Select((ids, row) =>
        new TrainingExample(ids, item, !targets ? null : item == 0 ? TinyBert.Targets.AsSpan(row * 3, 3).ToArray() : [row % 2, 1]));

}
