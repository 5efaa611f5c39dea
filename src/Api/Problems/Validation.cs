using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ScoringService.Api.Problems;

/// <summary>Collects what is wrong with a request, by JSON path.</summary>
sealed class Validation
{
    readonly Dictionary<string, string[]> errors = [];

    /// <summary>Whether anything is wrong.</summary>
    public bool Failed => errors.Count > 0;

    /// <summary>Everything that is wrong, as a problem.</summary>
    public ProblemHttpResult Problem => Problems.Problem.Invalid(errors);

    /// <summary>Notes <paramref name="message"/> at <paramref name="path"/> unless the condition holds.</summary>
    public void Require(bool condition, string path, string message)
    {
        if (!condition)
            errors[path] = [.. errors.GetValueOrDefault(path, []), message];
    }

    /// <summary>Notes elements that are null, which the serializer lets through in lists.</summary>
    /// <returns>Whether there are none.</returns>
    public bool RequireNoNull<T>(IReadOnlyList<T?> list, string path)
        where T : class
    {
        for (var i = 0; i < list.Count; i++)
            Require(list[i] is not null, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), "null does not belong here.");
        return list.All(element => element is not null);
    }
}
