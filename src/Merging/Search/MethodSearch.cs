using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Merging.Methods;

namespace ScoringService.Merging.Search;

/// <summary>Tries methods in turn until a budget of time is spent, and chooses by <see cref="MethodChoice"/>.</summary>
/// <param name="auto">Budget and tolerance.</param>
/// <param name="time">Measures the budget.</param>
sealed class MethodSearch(Auto auto, TimeProvider time)
{
    /// <summary>Tries methods.</summary>
    /// <param name="candidates">What to try, in this order.</param>
    /// <param name="attempt">Carries out one method.</param>
    /// <param name="progress">Where the search stands.</param>
    /// <param name="stop">Ends the search; nothing is chosen then.</param>
    /// <exception cref="MergeException">No method could be carried out.</exception>
    public SearchOutcome Run(
        ImmutableArray<(string Name, MergeMethod Method)> candidates, Func<MergeMethod, IProgress<StageProgress>, Trial> attempt,
        IProgress<StageProgress> progress, CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var tried = new List<SearchCandidate>();
        // Encoders are large: only those are kept that may still be chosen.
        var trials = new Dictionary<int, Trial>();
        foreach (var (index, (name, method)) in candidates.Index())
        {
            stop.ThrowIfCancellationRequested();
            var candidate = new SearchCandidate
            {
                Name = name,
                Method = JsonSerializer.SerializeToElement(method, JsonSerializerOptions.Web),
                ValidationQwk = null,
                Bytes = 0,
                Seconds = null,
            };
            if (trials.Count > 0 && time.GetElapsedTime(started).TotalMinutes >= auto.BudgetMinutes)
            {
                tried.Add(candidate with
                {
                    Reason = string.Create(CultureInfo.InvariantCulture, $"Not started: the budget of {auto.BudgetMinutes} minutes was spent."),
                });
                continue;
            }

            var share = new InlineProgress<StageProgress>(step => progress.Report(step with
            {
                Fraction = (index + step.Fraction) / candidates.Length,
                Message = $"method {index + 1} of {candidates.Length}, {name}: {step.Message}",
            }));
            var began = time.GetTimestamp();
            try
            {
                var trial = attempt(method, share);
                trials[index] = trial;
                candidate = candidate with { ValidationQwk = trial.ValidationQwk, Bytes = trial.Bytes, HoldsFloor = trial.HoldsFloor };
            }
            catch (Exception failure) when (!stop.IsCancellationRequested && ReasonOf(failure) is not null)
            {
                candidate = candidate with { Reason = ReasonOf(failure) };
            }
            tried.Add(candidate with { Seconds = time.GetElapsedTime(began).TotalSeconds });
            foreach (var beaten in trials.Keys.Except(MethodChoice.Contenders(tried, auto.Tolerance)).ToArray())
                trials.Remove(beaten);
        }

        if (trials.Count == 0)
        {
            throw new MergeException(
                $"No method could be carried out. {string.Join(' ', tried.Select(candidate => $"{candidate.Name}: {candidate.Reason}"))}");
        }
        var chosen = MethodChoice.Contenders(tried, auto.Tolerance).First();
        tried[chosen] = tried[chosen] with { Chosen = true };
        return new(new([.. tried]), candidates[chosen].Method, trials[chosen].Groups);
    }

    /// <summary>What kept a method from being carried out; null for a failure that is none of the method's.</summary>
    static string? ReasonOf(Exception failure) => failure switch
    {
        MergeException or ArithmeticException or OnnxRuntimeException or ExternalException => failure.Message,
        AggregateException several when several.Flatten().InnerExceptions is { Count: > 0 } all && all.All(inner => ReasonOf(inner) is not null) =>
            ReasonOf(all[0]),
        _ => null,
    };
}

/// <summary>A search that is over.</summary>
/// <param name="Report">What was tried.</param>
/// <param name="Method">The method chosen.</param>
/// <param name="Groups">What it made; not yet read on test.</param>
sealed record SearchOutcome(SearchReport Report, MergeMethod Method, ImmutableArray<MergedGroup> Groups);
