using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class FineTunerTests
{
    static readonly TrainingRecipe Recipe = new() { Epochs = 6, BatchSize = 8, EncoderLearningRate = 2e-3f, HeadLearningRate = 1e-2f, Patience = 6, Seed = 5 };

    [Theory]
    [InlineData(ScoringKind.MultiClass)]
    [InlineData(ScoringKind.MultiLabel)]
    public void Training_learns_what_the_responses_show(ScoringKind scoring)
    {
        var data = Data(scoring);

        var trained = Train(data, Recipe);

        Assert.Equal(Recipe.Epochs, trained.Epochs.Length);
        Assert.True(trained.Epochs[trained.BestEpoch - 1].ValidationLoss < .5 * trained.Epochs[0].TrainingLoss, string.Join("; ", trained.Epochs));
        using var scorer = EncoderTrainer.ForItem(trained.Model, Recipe, threads: 1, CancellationToken.None);
        var logits = scorer.Score([.. data.Test.Select(response => new TrainingExample(Tokenize(response.Text, 16), Item: 0))]);
        var right = logits.Chunk(3).Zip(data.Test, (row, response) =>
            scoring == ScoringKind.MultiClass ? Array.IndexOf(row, row.Max()) == response.Class : row.Select(logit => logit > 0).SequenceEqual(response.Labels));
        Assert.True(right.Count(hit => hit) >= .9 * data.Test.Length);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_on_any_number_of_threads_and_another_seed_does_not()
    {
        var data = Data(ScoringKind.MultiClass);

        var (one, two) = (Train(data, Recipe, threads: 1), Train(data, Recipe, threads: 2));
        var other = Train(data, Recipe with { Seed = 6 });

        Assert.Equal(one.Model.Head.Weight.Values, two.Model.Head.Weight.Values);
        Assert.All(one.Model.Encoder, tensor => Assert.Equal(tensor.Value.Values, two.Model.Encoder[tensor.Key].Values));
        Assert.NotEqual(one.Model.Head.Weight.Values, other.Model.Head.Weight.Values);
    }

    [Fact]
    public void Embedding_tables_are_trained_only_on_request_and_the_base_model_is_left_alone()
    {
        var before = TinyBert.Encoder.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Values.ToArray());
        var data = Data(ScoringKind.MultiClass);

        var frozen = Train(data, Recipe with { Epochs = 1 }).Model.Encoder;
        var thawed = Train(data, Recipe with { Epochs = 1, FreezeEmbeddings = false }).Model.Encoder;

        Assert.All(frozen, tensor => Assert.Equal(
            tensor.Key.EndsWith("_embeddings.weight", StringComparison.Ordinal), tensor.Value.Values.SequenceEqual(before[tensor.Key])));
        Assert.All(thawed, tensor => Assert.NotEqual(before[tensor.Key], tensor.Value.Values));
        Assert.All(TinyBert.Encoder, tensor => Assert.Equal(before[tensor.Key], tensor.Value.Values));
    }

    [Fact]
    public void Training_stops_when_validation_no_longer_improves_and_keeps_the_best_epoch()
    {
        var data = Data(ScoringKind.MultiClass);
        // Every validation response has a wrong label: the better the item is learned, the worse validation gets.
        var misleading = data with { Validation = [.. data.Validation.Select(response => response with { Labels = OneHot((response.Class + 1) % 3) })] };

        var trained = Train(misleading, Recipe with { Patience = 2 });

        Assert.True(trained.Epochs.Length < Recipe.Epochs);
        Assert.Equal(trained.BestEpoch + 2, trained.Epochs.Length);
        Assert.Equal(trained.Epochs.Min(epoch => epoch.ValidationLoss), trained.Epochs[trained.BestEpoch - 1].ValidationLoss);
        var shorter = Train(misleading with { Validation = [] }, Recipe with { Patience = 2 });
        Assert.Equal(Recipe.Epochs, shorter.BestEpoch);
    }

    [Fact]
    public void Progress_never_goes_back_and_says_what_is_being_done()
    {
        var reports = new List<StageProgress>();

        Train(Data(ScoringKind.MultiClass), Recipe with { Epochs = 2 }, progress: new Recorder(reports.Add));

        Assert.Equal(reports.Select(report => report.Fraction).Order(), reports.Select(report => report.Fraction));
        Assert.Equal(1, reports[^1].Fraction);
        Assert.Matches(@"^colours: epoch 2 of 2, loss \d+\.\d\d, 0 s left$", reports[^1].Message);
    }

    [Fact]
    public void Cancelling_ends_training_at_once()
    {
        using var stop = new CancellationTokenSource();
        var steps = 0;
        var progress = new Recorder(_ =>
        {
            if (++steps == 3)
                stop.Cancel();
        });

        Assert.ThrowsAny<OperationCanceledException>(() => Train(Data(ScoringKind.MultiClass), Recipe, progress: progress, stop: stop.Token));
        Assert.Equal(3, steps);
    }

    [Fact]
    public void An_item_without_training_responses_is_refused_with_advice()
    {
        var error = Assert.Throws<ArgumentException>(() => Train(Data(ScoringKind.MultiClass) with { Train = [] }, Recipe));
        Assert.Contains("'colours' has no training responses; upload some with split=train", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_response_with_two_classes_is_refused_by_name()
    {
        var data = Data(ScoringKind.MultiClass);
        var error = Assert.Throws<ArgumentException>(() => Train(data with { Train = data.Train.SetItem(4, new("r4", "1", [true, true, false])) }, Recipe));
        Assert.Contains("'r4' of item 'colours' has 2 of 3 labels; the item has 3, of which exactly one holds", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recipe_out_of_range_is_refused() =>
        Assert.Throws<ValidationException>(() => Train(Data(ScoringKind.MultiClass), Recipe with { Epochs = 0 }));

    [Fact]
    public void A_run_that_diverges_says_so_instead_of_returning_a_broken_model()
    {
        var data = Data(ScoringKind.MultiClass);
        var broken = TinyBert.Encoder.ToDictionary(tensor => tensor.Key, tensor => tensor.Value);
        broken["encoder.layer.0.output.LayerNorm.weight"] = new([32], [.. Enumerable.Repeat(float.NaN, 32)]);
        var tuner = new FineTuner(threads: 1, TimeProvider.System);

        var error = Assert.Throws<ArithmeticException>(() =>
            tuner.Train(TinyBert.Config, broken, data, Tokenize, Recipe, new Recorder(_ => { }), CancellationToken.None));
        Assert.Contains("'colours' diverged in step 1; lower encoderLearningRate", error.Message, StringComparison.Ordinal);
    }

    static TrainedItemModel Train(
        ItemData data, TrainingRecipe recipe, int threads = 1, IProgress<StageProgress>? progress = null, CancellationToken stop = default) =>
        new FineTuner(threads, TimeProvider.System)
            .Train(TinyBert.Config, TinyBert.Encoder, data, Tokenize, recipe, progress ?? new Recorder(_ => { }), stop);

    // A response is some numbers below 40; which of 10, 20 and 30 are among them decides its labels.
    static ItemData Data(ScoringKind scoring)
    {
        var random = new Random(2);
        return new(
            new Item { Id = "colours", Scoring = scoring, Labels = ["red", "green", "blue"], Points = [0, 1, 2] }, Responses(240), Responses(24), Responses(40));

        ImmutableArray<LabelledResponse> Responses(int count) => [.. Enumerable.Range(0, count).Select(i =>
        {
            var kind = random.Next(3);
            ImmutableArray<bool> labels = scoring == ScoringKind.MultiClass ? OneHot(kind) : [.. Enumerable.Range(0, 3).Select(_ => random.Next(2) == 1)];
            var telling = Enumerable.Range(0, 3).Where(label => labels[label]).Select(label => 10 * (label + 1));
            var filler = Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(1, 10));
            return new LabelledResponse($"r{i}", string.Join(' ', telling.Concat(filler).OrderBy(_ => random.Next())), labels);
        })];
    }

    static ImmutableArray<bool> OneHot(int label) => [.. Enumerable.Range(0, 3).Select(other => other == label)];

    static int[] Tokenize(string text, int maxTokens) => [.. text.Split(' ').Select(int.Parse).Prepend(48).Append(49).Take(maxTokens)];

    // Progress<T> would report on another thread, later.
    sealed class Recorder(Action<StageProgress> report) : IProgress<StageProgress>
    {
        public void Report(StageProgress value) => report(value);
    }
}
