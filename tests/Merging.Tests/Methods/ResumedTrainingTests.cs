using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Methods;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Router training that is interrupted and asked for again.</summary>
public sealed class ResumedTrainingTests : IDisposable
{
    static readonly WeightEnsembling Recipe = new() { Steps = 60, BatchSize = 1, LearningRate = 1e-3, Objective = AdaptationObjective.Labels };

    readonly string directory = Directory.CreateTempSubdirectory("unfinished").FullName;

    [Fact]
    public void It_goes_on_where_it_stopped_and_ends_in_the_same_bits()
    {
        var straight = Routers(Recipe, new(), _ => { });
        using var stop = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => Routers(Recipe, stop, fraction =>
        {
            if (fraction > .6)
                stop.Cancel();
        }));
        Assert.Single(Directory.EnumerateFiles(directory));
        var first = double.NaN;
        var resumed = Routers(Recipe, new(), fraction => first = double.IsNaN(first) ? fraction : first);

        Assert.InRange(first, .4, .5);
        Assert.Empty(Directory.EnumerateFiles(directory));
        foreach (var (name, tensor) in straight)
            Assert.Equal(tensor.Values, resumed[name].Values);
    }

    [Fact]
    public void Another_recipe_does_not_take_its_state()
    {
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Routers(Recipe, stop, fraction =>
        {
            if (fraction > .6)
                stop.Cancel();
        }));

        var first = double.NaN;
        Routers(Recipe with { LearningRate = 2e-3 }, new(), fraction => first = double.IsNaN(first) ? fraction : first);

        Assert.Equal(1.0 / 60, first, 1e-9);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    IReadOnlyDictionary<string, Tensor> Routers(WeightEnsembling recipe, CancellationTokenSource stop, Action<double> onStep)
    {
        var progress = new InlineProgress<StageProgress>(step => onStep(step.Fraction));
        var work = new MergeWork(new() { Threads = 1 }, 2, progress, stop.Token) { Unfinished = directory };
        return ((WeightEnsemblingEncoder)recipe.MakeEncoder(TinyWemoe.Group, work)).Routers;
    }
}
