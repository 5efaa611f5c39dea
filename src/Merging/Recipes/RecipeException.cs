namespace ScoringService.Merging.Recipes;

/// <summary>A recipe that cannot be read; the message says where and what to change.</summary>
/// <param name="path">JSON path of the value at fault, e.g. <c>$.grouping.features</c>.</param>
/// <param name="line">Line it stands on, from 1.</param>
/// <param name="reason">What is wrong and what is allowed.</param>
/// <param name="file">Name of the file; null for a text of no file.</param>
/// <param name="cause">What the reader stumbled on.</param>
public sealed class RecipeException(string path, int line, string reason, string? file = null, Exception? cause = null)
    : Exception($"{(file is null ? "" : $"{file}, ")}line {line}, {path}: {reason}", cause)
{
    /// <summary>JSON path of the value at fault.</summary>
    public string Path { get; } = path;

    /// <summary>Line it stands on, from 1.</summary>
    public int Line { get; } = line;

    /// <summary>What is wrong and what is allowed.</summary>
    public string Reason { get; } = reason;

    /// <summary>The same, found in a file.</summary>
    internal RecipeException In(string file) => new(Path, Line, Reason, file, InnerException);
}
