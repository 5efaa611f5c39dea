using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Merging;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Training;

namespace ScoringService.Api.Training;

/// <summary>Fine-tunes a model for each item of a request. A model is kept as soon as it is trained, whatever becomes of the others.</summary>
sealed class TrainingJob(
    BaseModels baseModels, ItemStore items, ItemModels models, IOptions<RuntimeOptions> runtime, IOptions<JobOptions> jobs,
    IOptions<JsonOptions> json, TimeProvider time) : IJobHandler
{
    public JsonElement Run(JobRun job, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var request = job.Recipe.Deserialize<TrainingJobRequest>(json.Value.SerializerOptions)!;
        progress.Report(new("loading", 0, $"base model {request.BaseModel}"));
        var baseModel = baseModels.Load(request.BaseModel);
        // Side by side on one thread each: a small model's steps are too short to be shared among threads well.
        var tuner = new FineTuner(threads: 1, time);
        var trained = new TrainedModelView[request.ItemIds.Length];
        var joint = new JointProgress(progress, trained.Length);
        Parallel.For(0, trained.Length, new() { MaxDegreeOfParallelism = jobs.Value.Threads, CancellationToken = stop }, i =>
            trained[i] = Train(request.ItemIds[i], baseModel, request, tuner, joint.Part(i), stop));
        return JsonSerializer.SerializeToElement(new TrainingResult(trained), json.Value.SerializerOptions);
    }

    TrainedModelView Train(
        string itemId, BaseModel baseModel, TrainingJobRequest request, FineTuner tuner, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var data = items.Data(itemId);
        var (config, tokenizer) = (baseModel.Checkpoint.Config, baseModel.Tokenizer);
        var trained = tuner.Train(config, baseModel.Checkpoint.Encoder, data, tokenizer.Encode, request, progress, stop);

        var maxTokens = Math.Min(request.MaxTokens, config.MaxPositions);
        using var encoder = EncoderEngines.Open(new StaticEncoder(config, trained.Model.Encoder), new EncoderOutput(), runtime.Value with { Threads = 1 });
        var tokenized = TokenizedItem.From(data, text => tokenizer.Encode(text, maxTokens));
        var scores = SplitScores.Of(tokenized, encoder, trained.Model.Head, jobs.Value.Threads, stop);
        var hash = models.Add(trained.Model, baseModel.Checkpoint.Tokenizer, ItemModelSource.Trained, baseModel.Name, maxTokens, scores);
        return new(itemId, hash, trained.BestEpoch, trained.Epochs, scores);
    }
}

/// <summary>The outcome of a training job.</summary>
/// <param name="Models">The models, in the order of the request.</param>
sealed record TrainingResult(IReadOnlyList<TrainedModelView> Models);

/// <summary>A model that was trained.</summary>
/// <param name="ItemId">Item it scores.</param>
/// <param name="Hash">Name under which it is kept.</param>
/// <param name="BestEpoch">The epoch whose weights were kept, counted from 1.</param>
/// <param name="Epochs">What each epoch reached.</param>
/// <param name="Scores">Its metrics on validation and test responses.</param>
sealed record TrainedModelView(string ItemId, string Hash, int BestEpoch, IReadOnlyList<EpochResult> Epochs, SplitScores Scores);
