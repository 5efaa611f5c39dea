using System.Text.Json;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tests;
using ScoringService.Inference.Tests.Encoders;
using ScoringService.Inference.Tokenization;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

/// <summary>A whole fine-tuning run of MiniLM, step for step as PyTorch made it; <c>finetune_ss_peabody.json</c> says how.</summary>
public class FineTuningRunTests
{
    const int BatchSize = 16;
    const int Classes = 3;

    [RealDataFact]
    public void Fine_tuning_follows_PyTorch_to_the_same_predictions()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "finetune_ss_peabody.json")));
        var data = ItemDataFile.ReadAsWritten(RealData.PathOf("mind-ca", "SS_Peabody.csv"));
        var tokenizer = BertTokenizer.Load(MiniLm.VocabularyDirectory);
        var batches = Read<int[][]>("order").SelectMany(epoch => epoch.Chunk(BatchSize)).ToArray();
        var schedule = new LearningRateSchedule(batches.Length, .1);
        var recipe = new TrainingRecipe { EncoderLearningRate = 5e-5f };
        var start = new ItemModel(data.Item, MiniLm.Checkpoint.Config, MiniLm.RoundedToFourBits.Encoder, StartingHead());
        using var trainer = EncoderTrainer.ForItem(start, recipe, threads: 2, CancellationToken.None);

        var losses = batches.Select((batch, step) => trainer.Step([.. batch.Select(row => Example(data.Train[row]))], schedule.Factor(step)).Loss).ToArray();
        var logits = trainer.Score([.. data.Test.Select(Example)]);

        var expected = Read<float[]>("losses");
        Assert.All(expected.Zip(losses).Take(20), step => Assert.Equal(step.First, step.Second, 1e-5));
        Assert.All(expected.Zip(losses), step => Assert.Equal(step.First, step.Second, 2e-4));
        Assert.Equal(Read<float[][]>("testLogits").Select(Highest), logits.Chunk(Classes).Select(Highest));

        T Read<T>(string name) => golden.RootElement.GetProperty(name).Deserialize<T>()!;

        TrainingExample Example(LabelledResponse response) => new(tokenizer.Encode(response.Text, 64), Item: 0, OneHot(response.Class));

        Head StartingHead()
        {
            var byHidden = Read<float[][]>("headWeight");
            return new(
                new([Classes, byHidden.Length], [.. Enumerable.Range(0, Classes).SelectMany(label => byHidden.Select(row => row[label]))]),
                new([Classes], Read<float[]>("headBias")));
        }
    }

    static float[] OneHot(int label) => [.. Enumerable.Range(0, Classes).Select(other => other == label ? 1f : 0f)];

    static int Highest(float[] logits) => Array.IndexOf(logits, logits.Max());
}
