using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>Reads the definition of an item beside its responses.</summary>
static class ItemDefinitionFile
{
    static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true };

    /// <summary>Reads a definition; null where there is no such file or it has errors.</summary>
    /// <param name="file">The file.</param>
    /// <param name="id">Id of the item.</param>
    /// <param name="errors">Receives what is wrong.</param>
    public static Item? Read(string file, string id, RowErrors.Builder errors)
    {
        if (!File.Exists(file))
            return null;
        try
        {
            var read = JsonSerializer.Deserialize<Definition>(File.ReadAllBytes(file), Format) ?? throw new JsonException("it is null");
            if (read.Labels.Length > 0 && read.Labels.Length == read.Points.Length)
                return read.ToItem(id);
            errors.Add(1, null, $"{Path.GetFileName(file)} has {read.Labels.Length} labels and {read.Points.Length} points; give one number per label.");
        }
        catch (JsonException e)
        {
            errors.Add((e.LineNumber ?? 0) + 1, null, $"{Path.GetFileName(file)} is no definition of an item: {e.Message}");
        }
        return null;
    }

    sealed record Definition(
        string Title, string Prompt, string ReferenceAnswer, string Rubric, ScoringKind Scoring, ImmutableArray<string> Labels, ImmutableArray<double> Points)
    {
        public Item ToItem(string id) => new()
        {
            Id = id,
            Title = Title,
            Prompt = Prompt,
            ReferenceAnswer = ReferenceAnswer,
            Rubric = Rubric,
            Scoring = Scoring,
            Labels = Labels,
            Points = Points,
        };
    }
}
