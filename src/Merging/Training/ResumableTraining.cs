using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ScoringService.Merging.Methods;

namespace ScoringService.Merging.Training;

/// <summary>
/// Walks a <see cref="EncoderTrainer"/> through its steps. Where there is a directory for unfinished work, its state is kept there now and then, and the same
/// training, asked for again after it was interrupted, goes on from the last state to the same bits.
/// </summary>
static class ResumableTraining
{
    const int StepsBetweenStates = 25;

    /// <summary>Takes every step.</summary>
    /// <param name="trainer">The trainer, at its beginning.</param>
    /// <param name="batches">The responses of each step: the same again when the same training is asked for again.</param>
    /// <param name="steps">How many steps there are.</param>
    /// <param name="rate">What learning rates are multiplied by in a step, counted from 0.</param>
    /// <param name="what">What the training is called in progress messages.</param>
    /// <param name="work">Where unfinished work is kept, whom to tell, when to stop.</param>
    public static void Run(
        EncoderTrainer trainer, IEnumerable<TrainingExample[]> batches, int steps, Func<int, float> rate, string what, MergeWork work)
    {
        var path = work.Unfinished is { } directory ? Path.Combine(directory, $"training-{NameOf(trainer, batches.First(), steps, what)}.safetensors") : null;
        var done = path is null ? 0 : trainer.Restore(path);
        foreach (var (index, batch) in batches.Take(steps).Index().Skip(done))
        {
            var loss = trainer.Step(batch, rate(index)).Loss;
            work.Progress.Report(new("merging", (double)(index + 1) / steps, string.Create(
                CultureInfo.InvariantCulture, $"{what}, step {index + 1} of {steps}, objective {loss:F3}")));
            if (path is not null && (index + 1) % StepsBetweenStates == 0 && index + 1 < steps)
                trainer.Keep(path);
        }
        if (path is not null && File.Exists(path))
            File.Delete(path);
    }

    // What is trained and on what decides the name: a state is never taken for that of other weights, responses or settings.
    static string NameOf(EncoderTrainer trainer, TrainingExample[] first, int steps, string what)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{what} {steps} {trainer.Settings}")));
        trainer.AppendWeights(hash);
        foreach (var example in first)
        {
            hash.AppendData(MemoryMarshal.AsBytes<int>(example.Ids));
            hash.AppendData(BitConverter.GetBytes(example.Item));
            hash.AppendData(MemoryMarshal.AsBytes<float>(example.Targets ?? []));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }
}
