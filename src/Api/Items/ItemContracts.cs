using System.Globalization;
using System.Text.RegularExpressions;
using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Items;

/// <summary>What an administrator says about an item.</summary>
sealed partial record ItemRequest
{
    const int MaxTitle = 500;
    const int MaxPrompt = 20_000;
    const int MaxLabels = 100;
    const int MaxLabelLength = 100;

    static readonly string[] ColumnsOfUploads = ["id", "split", "item", "text"];

    /// <summary>Id of the item; may be left out, and otherwise repeats the one in the path.</summary>
    /// <example>SC_Puddle</example>
    public string? ItemId { get; init; }

    /// <summary>Short human-readable title, up to 500 characters.</summary>
    /// <example>The puddle on the school yard</example>
    public string Title { get; init; } = "";

    /// <summary>The question as the student saw it, up to 20,000 characters.</summary>
    /// <example>At noon the puddle is smaller than at 9 am. Where has the water gone?</example>
    public string Prompt { get; init; } = "";

    /// <summary>An answer that earns full points, up to 20,000 characters.</summary>
    /// <example>The heat of the sun made the water evaporate.</example>
    public string ReferenceAnswer { get; init; } = "";

    /// <summary>What earns which label, for the people who score, up to 20,000 characters.</summary>
    /// <example>2 points: evaporation and heat. 1 point: one of them.</example>
    public string Rubric { get; init; } = "";

    /// <summary><c>multi-class</c>: exactly one label holds (a score scale). <c>multi-label</c>: each holds or not (an analytic rubric).</summary>
    /// <example>multi-class</example>
    public required ScoringKind Scoring { get; init; }

    /// <summary>Names of the labels: 2 to 100 for multi-class, 1 to 100 for multi-label.</summary>
    /// <example>["0","1","2"]</example>
    public required string[] Labels { get; init; }

    /// <summary>Points of each label. Left out: 0, 1, 2, … for multi-class, 1 each for multi-label.</summary>
    /// <example>[0,1,2]</example>
    public double[]? Points { get; init; }

    /// <summary>The item, or what is wrong with the request.</summary>
    /// <param name="id">Id in the path.</param>
    /// <param name="validation">Receives what is wrong.</param>
    public Item ToItem(string id, Validation validation)
    {
        var points = Points ?? [.. Labels.Select((_, position) => Scoring == ScoringKind.MultiClass ? position : 1.0)];
        var fewest = Scoring == ScoringKind.MultiClass ? 2 : 1;
        validation.Require(ItemIdPattern.IsMatch(id), "itemId",
            "An item id has 1 to 100 letters, digits, '.', '_' or '-', and begins with a letter or digit.");
        validation.Require(ItemId is null || ItemId == id, "$.itemId", $"The path says '{id}'. Repeat it or leave it out.");
        validation.Require(Title.Length <= MaxTitle, "$.title", $"Shorten it to {MaxTitle} characters.");
        validation.Require(Prompt.Length <= MaxPrompt, "$.prompt", $"Shorten it to {MaxPrompt} characters.");
        validation.Require(ReferenceAnswer.Length <= MaxPrompt, "$.referenceAnswer", $"Shorten it to {MaxPrompt} characters.");
        validation.Require(Rubric.Length <= MaxPrompt, "$.rubric", $"Shorten it to {MaxPrompt} characters.");
        validation.Require(Labels.Length >= fewest && Labels.Length <= MaxLabels, "$.labels",
            $"Give {fewest} to {MaxLabels} labels; there are {Labels.Length}.");
        validation.Require(points.Length == Labels.Length, "$.points",
            $"Give one number per label; there are {points.Length} for {Labels.Length} labels.");
        ValidateLabels(validation);
        for (var i = 0; i < points.Length; i++)
            validation.Require(double.IsFinite(points[i]), Path("points", i), "Points must be finite.");

        return new()
        {
            Id = id,
            Title = Title,
            Prompt = Prompt,
            ReferenceAnswer = ReferenceAnswer,
            Rubric = Rubric,
            Scoring = Scoring,
            Labels = [.. Labels],
            Points = [.. points],
        };
    }

    void ValidateLabels(Validation validation)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < Labels.Length; i++)
        {
            var label = Labels[i];
            validation.Require(!string.IsNullOrWhiteSpace(label) && label.Length <= MaxLabelLength, Path("labels", i),
                $"A label has 1 to {MaxLabelLength} characters.");
            validation.Require(label is null || seen.Add(label), Path("labels", i), $"'{label}' stands here twice.");
            validation.Require(Scoring == ScoringKind.MultiClass || !ColumnsOfUploads.Contains(label), Path("labels", i),
                $"'{label}' is the name of another column in uploads; choose another.");
        }
    }

    static string Path(string member, int position) => string.Create(CultureInfo.InvariantCulture, $"$.{member}[{position}]");

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    static partial Regex ItemIdPattern { get; }
}

/// <summary>An item as administrators see it.</summary>
sealed record ItemView
{
    /// <summary>Id of the item.</summary>
    /// <example>SC_Puddle</example>
    public required string ItemId { get; init; }

    /// <summary>Short human-readable title.</summary>
    /// <example>The puddle on the school yard</example>
    public required string Title { get; init; }

    /// <summary>The question as the student saw it.</summary>
    public required string Prompt { get; init; }

    /// <summary>An answer that earns full points.</summary>
    public required string ReferenceAnswer { get; init; }

    /// <summary>What earns which label.</summary>
    public required string Rubric { get; init; }

    /// <summary>Score scale or analytic rubric.</summary>
    public required ScoringKind Scoring { get; init; }

    /// <summary>Names of the labels.</summary>
    /// <example>["0","1","2"]</example>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Points of each label.</summary>
    /// <example>[0,1,2]</example>
    public required IReadOnlyList<double> Points { get; init; }

    /// <summary>The lowest score a response can get.</summary>
    /// <example>0</example>
    public required double Minimum { get; init; }

    /// <summary>The highest score a response can get.</summary>
    /// <example>2</example>
    public required double Maximum { get; init; }

    /// <summary>Labelled responses at hand.</summary>
    public required ResponseCounts Responses { get; init; }

    /// <summary>The model that a merge would take; null while there is none.</summary>
    public ItemModelView? Model { get; init; }

    /// <summary>When the definition last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>Numbers of labelled responses by split.</summary>
/// <param name="Train">For fitting models and heads.</param>
/// <param name="Validation">For decisions between them.</param>
/// <param name="Test">For measuring the outcome.</param>
/// <param name="ScoredTwice">Those of all splits that a second person scored too.</param>
sealed record ResponseCounts(int Train, int Validation, int Test, int ScoredTwice);

/// <summary>A list of items.</summary>
/// <param name="Items">The items, by id.</param>
sealed record ItemViewList(IReadOnlyList<ItemView> Items);
