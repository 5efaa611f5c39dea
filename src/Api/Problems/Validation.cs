namespace ScoringService.Api.Problems;

/// <summary>Collects what is wrong with a request, by JSON path.</summary>
sealed class Validation
{
    readonly Dictionary<string, string[]> errors = [];

    /// <summary>Whether anything is wrong.</summary>
    public bool Failed => errors.Count > 0;

    /// <summary>Everything that is wrong, as a problem.</summary>
    public Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult Problem => Problems.Problem.Invalid(errors);

    /// <summary>Notes <paramref name="message"/> at <paramref name="path"/> unless the condition holds.</summary>
    public void Require(bool condition, string path, string message)
    {
        if (!condition)
            errors[path] = [.. errors.GetValueOrDefault(path, []), message];
    }
}
