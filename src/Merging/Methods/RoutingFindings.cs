using System.Collections.Immutable;
using System.Globalization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Methods;

/// <summary>What one critical module's router gives, over responses of all items alike.</summary>
/// <param name="Module">Position of the module in the encoder, attention before MLP, layer by layer.</param>
/// <param name="DominantExpert">The expert that has the largest weight most often: an item's id.</param>
/// <param name="DominantShare">How often it has, 1 over the number of experts to 1.</param>
/// <param name="OwnShare">How often a response's own item's expert has the largest weight, 0 to 1.</param>
/// <param name="Entropy">Mean entropy of the weights' magnitudes, as a share of the largest possible: 1 where all experts weigh alike, 0 where one has everything.</param>
public sealed record ModuleRouting(int Module, string DominantExpert, double DominantShare, double OwnShare, double Entropy);

/// <summary>How often a label is predicted, against how often people gave it.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Given">Share of the training responses with each label.</param>
/// <param name="Predicted">Share of them for which the item's own head, on the routed encoder, predicts it.</param>
public sealed record LabelPrevalence(string ItemId, ImmutableArray<double> Given, ImmutableArray<double> Predicted)
{
    /// <summary>Largest difference over the labels, 0 to 1.</summary>
    public double Shift => Given.Zip(Predicted, (given, predicted) => Math.Abs(given - predicted)).Max();
}

/// <summary>Whether routers do what they are there for. Low entropy of predictions is also reached by saying the same of everything: that is what these figures show.</summary>
/// <param name="Modules">What each router gives.</param>
/// <param name="Prevalence">What is predicted of each item's training responses.</param>
/// <param name="Warnings">What a person should look at.</param>
public sealed record RoutingFindings(ImmutableArray<ModuleRouting> Modules, ImmutableArray<LabelPrevalence> Prevalence, ImmutableArray<string> Warnings)
{
    const int ResponsesPerItem = 64;
    const double Collapsed = .9, Shifted = .3;

    /// <summary>Runs an encoder over some training responses of each item.</summary>
    /// <returns>What its routers give; null where it has none.</returns>
    internal static RoutingFindings? Of(EncoderModel encoder, MergeGroup group, MergeWork work)
    {
        var graph = new Graph();
        var routing = new List<Node>();
        var built = encoder switch
        {
            WeightEnsemblingEncoder routed => routed.Build(graph, graph.Input, routing),
            LowRankEncoder { Layout: not null } routed => routed.Build(graph, graph.Input, routing),
            _ => null,
        };
        if (built is null)
            return null;
        var pooled = built.Pooled(new());
        using var run = new EncoderRun(encoder, graph, [pooled, .. routing]);

        var statistics = routing.Select(_ => new Statistics(group.Ids.Length)).ToArray();
        var prevalence = ImmutableArray.CreateBuilder<LabelPrevalence>();
        foreach (var (position, item) in group.Items.Index())
        {
            int[][] responses = item.DrawTrain(ResponsesPerItem, seed: 0);
            var features = new List<float>();
            foreach (var batch in responses.Chunk(16))
            {
                work.Stop.ThrowIfCancellationRequested();
                var outputs = run.Run([.. batch.Select(ids => new EncoderInput(ids, position))]);
                features.AddRange(outputs[0]);
                for (var module = 0; module < statistics.Length; module++)
                    statistics[module].Add(outputs[module + 1], position);
            }
            var labels = LinearHead.Predict(group.Models[item.Id].Head, item.Data.Item.Scoring, new Tensor([responses.Length, group.Config.HiddenSize], [.. features]));
            prevalence.Add(new(item.Id, Shares(item.Data.Item, item.Data.Train.Select(response => response.Labels)), Shares(item.Data.Item, labels)));
        }

        ImmutableArray<ModuleRouting> modules = [.. statistics.Select((module, index) => module.Summarize(index, group.Ids))];
        return new(modules, prevalence.ToImmutable(), [.. WarningsOf(modules, prevalence)]);
    }

    static IEnumerable<string> WarningsOf(ImmutableArray<ModuleRouting> modules, IEnumerable<LabelPrevalence> prevalence)
    {
        foreach (var module in modules.Where(module => module.DominantShare > Collapsed))
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"Router {module.Module} prefers the expert of '{module.DominantExpert}' for {module.DominantShare:P0} of all responses: it hardly routes.");
        }
        foreach (var item in prevalence.Where(item => item.Shift > Shifted))
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"The routed encoder with the head of '{item.ItemId}' predicts a label {item.Shift:P0} more or less often than people gave it; the head was fitted again.");
        }
    }

    static ImmutableArray<double> Shares(Item item, IEnumerable<ImmutableArray<bool>> labels)
    {
        ImmutableArray<bool>[] rows = [.. labels];
        return [.. item.Labels.Select((_, label) => rows.Average(row => row[label] ? 1.0 : 0))];
    }

    sealed class Statistics(int experts)
    {
        readonly int[] largest = new int[experts];
        int own;
        double entropy;
        int responses;

        public void Add(float[] weights, int item)
        {
            foreach (var row in weights.Chunk(experts))
            {
                var best = Array.IndexOf(row, row.Max());
                largest[best]++;
                own += best == item ? 1 : 0;
                var total = row.Sum(Math.Abs);
                entropy += total == 0 ? 1 : row.Where(w => w != 0).Sum(w => -Math.Abs(w) / total * Math.Log(Math.Abs(w) / total)) / Math.Log(experts);
                responses++;
            }
        }

        public ModuleRouting Summarize(int module, ImmutableArray<string> ids)
        {
            var dominant = Array.IndexOf(largest, largest.Max());
            return new(module, ids[dominant], (double)largest[dominant] / responses, (double)own / responses, entropy / responses);
        }
    }
}
