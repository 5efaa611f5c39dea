using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Tests.Alignment;

namespace ScoringService.Merging.Tests.Heads;

public sealed class HeadFitterTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["a", "b"], Points = [1, 1] };

    public static TheoryData<string> Items => ["scale", "rubric"];

    [Theory]
    [MemberData(nameof(Items))]
    public void The_gradient_is_that_of_the_loss(string id)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var item = Item(id);
            var problem = new LogisticRegression(item, Sample(item, random, 12, TrueHead(item, random, hidden: 4)));
            double[] x = [.. Enumerable.Range(0, problem.Parameters).Select(_ => random.NextDouble() - 0.5)];
            double[] gradient = new double[x.Length], unused = new double[x.Length];
            problem.Evaluate(x, .1, gradient);
            for (var i = 0; i < x.Length; i++)
            {
                double Shifted(double by) => problem.Evaluate([.. x[..i], x[i] + by, .. x[(i + 1)..]], .1, unused);
                Assert.True(Math.Abs(gradient[i] - ((Shifted(1e-5) - Shifted(-1e-5)) / 2e-5)) < 1e-8, $"seed {seed}, parameter {i}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Items))]
    public void What_made_the_labels_is_found_again(string id)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var item = Item(id);
            var truth = TrueHead(item, random, hidden: 6);
            var fitted = HeadFitter.Fit(item, Sample(item, random, 400, truth)).Head;

            var fresh = Sample(item, random, 300, truth);
            var predicted = LinearHead.Predict(fitted, item.Scoring, fresh.Features);
            var right = predicted.Zip(fresh.Responses, (labels, response) => labels.SequenceEqual(response.Labels) ? 1.0 : 0).Average();
            Assert.True(right > .93, $"seed {seed}: {right}");
        }
    }

    /// <summary>MiniLM has such a dimension: its values lie about 1e-31, and weights as large as their inverse made the first gradient infinite.</summary>
    [Fact]
    public void A_feature_that_hardly_varies_gets_no_huge_weight()
    {
        var random = new Random(3);
        var sample = Sample(Scale, random, 200, TrueHead(Scale, random, hidden: 6));
        for (var i = 0; i < 200; i++)
            sample.Features.Values[i * 6] *= 1e-31f;

        var fitted = HeadFitter.Fit(Scale, sample).Head;
        Assert.All(fitted.Weight.Values, weight => Assert.InRange(weight, -100, 100));
    }

    [Fact]
    public void The_fit_has_converged()
    {
        var random = new Random(1);
        var train = Sample(Scale, random, 200, TrueHead(Scale, random, hidden: 10));
        var fitted = HeadFitter.Fit(Scale, train);

        // At the minimum the bias has no slope: each class is predicted as often as it is given.
        var logits = LinearHead.Logits(fitted.Head, train.Features).Values;
        for (var label = 0; label < 3; label++)
        {
            var predicted = logits.Chunk(3).Average(row => Math.Exp(row[label]) / row.Sum(logit => Math.Exp(logit)));
            Assert.Equal(train.Responses.Average(response => response.Class == label ? 1.0 : 0), predicted, 1e-5);
        }
    }

    [Fact]
    public void The_scale_and_origin_of_the_features_do_not_matter()
    {
        var random = new Random(2);
        var truth = TrueHead(Scale, random, hidden: 5);
        var (train, validation) = (Sample(Scale, random, 150, truth), Sample(Scale, random, 50, truth));

        var plain = HeadFitter.Fit(Scale, train);
        var moved = HeadFitter.Fit(Scale, Moved(train));

        Assert.Equal(plain.Regularization, moved.Regularization);
        var expected = LinearHead.Logits(plain.Head, validation.Features).Values;
        Assert.All(
            expected.Zip(LinearHead.Logits(moved.Head, Moved(validation).Features).Values), pair => Assert.Equal(pair.First, pair.Second, 2e-3f));

        static LabelledFeatures Moved(LabelledFeatures data) =>
            data with { Features = data.Features with { Values = [.. data.Features.Values.Select((value, i) => (value * (1 + (i % 5))) + 3)] } };
    }

    [Fact]
    public void A_feature_that_never_varies_gets_no_weight()
    {
        var random = new Random(3);
        var train = Sample(Scale, random, 100, TrueHead(Scale, random, hidden: 3));
        for (var row = 0; row < 100; row++)
            train.Features.Values[row * 3] = .1f;

        Assert.All(HeadFitter.Fit(Scale, train).Head.Weight.Values.Chunk(3), weights => Assert.Equal(0, weights[0], 1e-6f));
    }

    [Theory]
    [MemberData(nameof(Items))]
    public void A_starting_head_that_is_better_on_validation_stays(string id)
    {
        var random = new Random(4);
        var item = Item(id);
        var truth = TrueHead(item, random, hidden: 20);
        var (train, validation) = (Sample(item, random, 25, truth), Sample(item, random, 200, truth));

        var kept = HeadFitter.Refit(item, train, validation, truth);

        Assert.Same(truth, kept.Head);
        Assert.Null(kept.Regularization);
    }

    [Theory]
    [MemberData(nameof(Items))]
    public void A_starting_head_that_is_worse_is_replaced(string id)
    {
        var random = new Random(5);
        var item = Item(id);
        var truth = TrueHead(item, random, hidden: 6);
        var (train, validation) = (Sample(item, random, 200, truth), Sample(item, random, 50, truth));
        var reversed = new Head(truth.Weight with { Values = [.. truth.Weight.Values.Select(weight => -weight)] }, truth.Bias);

        var replaced = HeadFitter.Refit(item, train, validation, reversed);

        Assert.Contains(replaced.Regularization!.Value, HeadFitter.Grid);
        Assert.Equal(HeadFitter.Fit(item, train).Head.Weight.Values, replaced.Head.Weight.Values);
    }

    [Fact]
    public void A_class_that_nobody_got_is_unlikely_and_the_head_finite()
    {
        var random = new Random(6);
        var train = Sample(Scale, random, 60, TrueHead(Scale, random, hidden: 3));
        var without = train with
        {
            Responses = [.. train.Responses.Select(response => response with { Labels = [response.Class == 0, response.Class != 0, false] })],
        };

        var head = HeadFitter.Fit(Scale, without).Head;

        Assert.All(head.Weight.Values.Concat(head.Bias.Values), value => Assert.True(float.IsFinite(value)));
        Assert.DoesNotContain(LinearHead.Predict(head, ScoringKind.MultiClass, train.Features), labels => labels[2]);
    }

    [Fact]
    public void Features_that_do_not_belong_to_the_responses_are_refused()
    {
        var data = Sample(Scale, new Random(7), 5, TrueHead(Scale, new Random(7), hidden: 3));

        Assert.Throws<ArgumentException>(() => HeadFitter.Fit(Scale, data with { Responses = [] }));
        var error = Assert.Throws<ArgumentException>(() => HeadFitter.Fit(Scale, data with { Responses = data.Responses[1..] }));
        Assert.Contains("[5,3]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_of_equal_classes_is_predicted_and_a_label_needs_more_than_one_half()
    {
        var zero = new Head(new Tensor([2, 1], [0, 0]), new Tensor([2], [0, 0]));
        var features = new Tensor([1, 1], [1]);

        Assert.Equal<bool>([true, false], LinearHead.Predict(zero, ScoringKind.MultiClass, features)[0]);
        Assert.Equal<bool>([false, false], LinearHead.Predict(zero, ScoringKind.MultiLabel, features)[0]);
    }

    static Item Item(string id) => id == Scale.Id ? Scale : Rubric;

    static Head TrueHead(Item item, Random random, int hidden) =>
        new(Clouds.Scaled(Clouds.Normal(random, item.Labels.Length, hidden), 4), new Tensor([item.Labels.Length], new float[item.Labels.Length]));

    /// <summary>Responses with normal features, labelled by a head.</summary>
    static LabelledFeatures Sample(Item item, Random random, int count, Head truth)
    {
        var features = Clouds.Normal(random, count, truth.Hidden);
        ImmutableArray<LabelledResponse> responses =
            [.. LinearHead.Predict(truth, item.Scoring, features).Select((labels, i) => new LabelledResponse($"{i}", "", labels))];
        return new LabelledFeatures(features, responses);
    }
}
