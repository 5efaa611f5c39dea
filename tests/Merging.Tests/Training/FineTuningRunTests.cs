using System.Text.Json;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tokenization;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

/// <summary>A whole fine-tuning run of MiniLM, step for step as PyTorch made it; <c>finetune_ss_peabody.json</c> says how.</summary>
public class FineTuningRunTests
{
    const int BatchSize = 16;
    const int Classes = 3;

    [Fact]
    public void Fine_tuning_follows_PyTorch_to_the_same_predictions()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "finetune_ss_peabody.json")));
        var data = ItemDataFile.ReadAsWritten(Path.Combine(AppContext.BaseDirectory, "samples", "mind-ca", "SS_Peabody.csv"));
        var tokenizer = BertTokenizer.Load(MiniLm.Directory);
        var batches = Read<int[][]>("order").SelectMany(epoch => epoch.Chunk(BatchSize)).ToArray();
        var schedule = new LearningRateSchedule(batches.Length, .1);
        var recipe = new TrainingRecipe { EncoderLearningRate = 5e-5f };
        using var trainer = new ItemTrainer(
            MiniLm.Checkpoint.Config, MiniLm.Checkpoint.Encoder, StartingHead(), ScoringKind.MultiClass, recipe, new());

        var losses = batches.Select((batch, step) => trainer.Step(
            [.. batch.Select(row => tokenizer.Encode(data.Train[row].Text, 64))], [.. batch.SelectMany(row => OneHot(data.Train[row].Class))],
            schedule.Factor(step), CancellationToken.None).Loss).ToArray();
        var logits = new float[data.Test.Length * Classes];
        trainer.Score([.. data.Test.Select(response => tokenizer.Encode(response.Text, 64))], logits, CancellationToken.None);

        var expected = Read<float[]>("losses");
        Assert.All(Enumerable.Range(0, 20), step => Assert.Equal(expected[step], losses[step], 1e-4));
        Assert.Equal(Read<float[][]>("testLogits").Select(Highest), logits.Chunk(Classes).Select(Highest));

        T Read<T>(string name) => golden.RootElement.GetProperty(name).Deserialize<T>()!;

        Head StartingHead()
        {
            var byHidden = Read<float[][]>("headWeight");
            return new(
                new([Classes, byHidden.Length], [.. Enumerable.Range(0, Classes).SelectMany(label => byHidden.Select(row => row[label]))]),
                new([Classes], Read<float[]>("headBias")));
        }
    }

    static IEnumerable<float> OneHot(int label) => Enumerable.Range(0, Classes).Select(other => other == label ? 1f : 0f);

    static int Highest(float[] logits) => Array.IndexOf(logits, logits.Max());
}
