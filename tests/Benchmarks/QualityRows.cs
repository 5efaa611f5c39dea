using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;

namespace ScoringService.Benchmarks;

/// <summary>A row of the quality table: a name and the recipe behind it, which may follow from a seed's item models.</summary>
/// <param name="Name">A method's name, with a suffix after <c>/</c> for variants.</param>
/// <param name="Recipe">From the plan that the item models' distances ask for to the recipe.</param>
sealed record QualityRow(string Name, Func<Func<GroupingRecipe, MergePlan>, MergeRecipe> Recipe);

/// <summary>The rows there are. A new row is a line here, and a recipe in <c>samples/recipes</c>.</summary>
static class QualityRows
{
    /// <summary>Every item by its own model.</summary>
    public const string Individual = "individual";

    /// <summary>The base model with a fitted head per item.</summary>
    public const string FrozenBase = "frozen-base";

    /// <summary>The plan that the others are held against.</summary>
    public const string GromovWassersteinPlan = "plan/gw";

    /// <summary>The plan that a language model's similarities ask for.</summary>
    public const string LanguageModelPlan = "plan/language-model";

    /// <summary>Begins the names of plans that are compared under one method.</summary>
    public const string Plans = "plan/";

    /// <summary>The mean over random plans.</summary>
    public const string RandomPlans = "plan/random";

    /// <summary>Begins the names of the random plans.</summary>
    public const string RandomPlan = "plan/random-";

    const int NumberOfRandomPlans = 3;

    /// <summary>Rows whose recipe stands in a file.</summary>
    public static ImmutableArray<(string Name, string File)> Files { get; } =
    [
        ("all-average", "all-average.yaml"),
        ("task-arithmetic", "task-arithmetic.yaml"),
        ("ties", "ties.yaml"),
        ("dare", "dare.yaml"),
        ("dare-ties", "dare-ties.yaml"),
        ("awd", "awd.yaml"),
        ("fisher", "fisher.yaml"),
        ("regmean", "regmean.yaml"),
        ("gw-smm", "simple-average-recommended.yaml"),
        ("gw-smm/paper", "gwsmm-paper.yaml"),
        ("gw-smm/ties", "ties-recommended.yaml"),
        ("gw-smm/regmean", "regmean-recommended.yaml"),
        ("multi-task", "multi-task.yaml"),
        ("distill", "distill-recommended.yaml"),
        ("low-rank", "low-rank.yaml"),
        ("low-rank/recommended", "low-rank-recommended.yaml"),
        ("e-wemoe/recommended", "ewemoe-recommended.yaml"),
        ("wemoe/recommended", "wemoe-recommended.yaml"),
        ("adamerging", "adamerging-recommended.yaml"),
        ("e-wemoe", "ewemoe-short.yaml"),
        ("wemoe", "wemoe-short.yaml"),
        ("task-arithmetic/recommended", "task-arithmetic-recommended.yaml"),
    ];

    /// <summary>Recipes that are no rows: as published they take too long on a processor, or they say no more than a row that is there.</summary>
    public static ImmutableArray<string> NotMeasured { get; } =
    [
        "adamerging-awd.yaml", "adamerging-layer.yaml", "adamerging-task.yaml", "adamerging-ties.yaml", "ewemoe-paper.yaml", "wemoe-paper.yaml",
        "awd-recommended.yaml", "dare-recommended.yaml", "dare-ties-recommended.yaml", "gwsmm-recommended.yaml",
    ];

    /// <summary>All rows that are merges.</summary>
    /// <param name="directory">Directory of the recipes.</param>
    /// <param name="groups">Groups that Gromov-Wasserstein plans keep; null for what a recipe says.</param>
    /// <param name="similarity">A language model's similarities; null where there are none, and no such row.</param>
    public static ImmutableArray<QualityRow> All(string directory, int? groups, ItemSimilarity? similarity)
    {
        JsonElement? number = groups is { } given ? JsonSerializer.SerializeToElement(given) : null;
        var grouping = new GroupingRecipe { Groups = number };
        var rows = ImmutableArray.CreateBuilder<QualityRow>();
        foreach (var (name, file) in Files)
        {
            var recipe = RecipeFile.Read(Path.Combine(directory, file));
            if (number is not null && recipe.Grouping.Strategy == GroupingStrategy.GromovWasserstein)
                recipe = recipe with { Grouping = recipe.Grouping with { Groups = number } };
            rows.Add(new(name, _ => recipe));
        }

        rows.Add(new(GromovWassersteinPlan, _ => new() { Grouping = grouping }));
        if (similarity is not null)
            rows.Add(new(LanguageModelPlan, plan => Manual(similarity.Plan(plan(grouping)))));
        for (var seed = 0; seed < NumberOfRandomPlans; seed++)
        {
            var random = seed;
            rows.Add(new($"{RandomPlan}{seed}", plan => Manual(Shuffled(plan(grouping), random))));
        }
        return rows.ToImmutable();
    }

    /// <summary>The rows asked for.</summary>
    /// <param name="rows">All rows.</param>
    /// <param name="names">Names separated by commas, or <c>all</c>.</param>
    /// <exception cref="ArgumentException">There is no such row.</exception>
    public static ImmutableArray<QualityRow> Named(ImmutableArray<QualityRow> rows, string names)
    {
        if (names == "all")
            return rows;
        const StringSplitOptions tidy = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        var asked = names.Split(',', tidy).Except([Individual, FrozenBase]).ToArray();
        return asked.FirstOrDefault(name => rows.All(row => row.Name != name)) is { } unknown
            ? throw new ArgumentException(
                $"There is no row '{unknown}'. Known: {Individual}, {FrozenBase}, {string.Join(", ", rows.Select(row => row.Name))}.")
            : [.. rows.Where(row => asked.Contains(row.Name))];
    }

    /// <summary>The same recipe, but what its method draws by itself is drawn from a seed.</summary>
    /// <exception cref="ArgumentException">The method is unknown or a parameter wrong.</exception>
    public static MergeRecipe Seeded(MergeRecipe recipe, int seed)
    {
        var method = JsonSerializer.SerializeToNode(MethodOf(recipe), StrictJson.Options)!.AsObject();
        if (!method.ContainsKey("seed"))
            return recipe;
        method["seed"] = seed;
        return recipe with { Method = JsonSerializer.SerializeToElement(method) };
    }

    /// <summary>A short name for what a recipe does, whatever it leaves to defaults.</summary>
    /// <exception cref="ArgumentException">The method is unknown or a parameter wrong.</exception>
    public static string HashOf(MergeRecipe recipe) =>
        ContentHash.Of(recipe with { Method = JsonSerializer.SerializeToElement(MethodOf(recipe), StrictJson.Options) });

    /// <summary>A recipe's method.</summary>
    /// <exception cref="ArgumentException">It is unknown or a parameter wrong.</exception>
    public static MergeMethod MethodOf(MergeRecipe recipe) =>
        MethodCatalog.Parse(recipe.Method, out var errors)
        ?? throw new ArgumentException(string.Join(" ", errors.Select(error => $"{error.Path}: {error.Reason}")));

    /// <summary>As many items to a group, but which ones is left to chance.</summary>
    public static IEnumerable<IEnumerable<string>> Shuffled(MergePlan plan, int seed)
    {
        var items = plan.Groups.SelectMany(group => group).Order(StringComparer.Ordinal).ToArray();
        new Random(seed).Shuffle(items);
        var taken = 0;
        foreach (var group in plan.Groups)
        {
            yield return items[taken..(taken + group.Length)];
            taken += group.Length;
        }
    }

    static MergeRecipe Manual(IEnumerable<IEnumerable<string>> groups) =>
        new() { Grouping = new() { Strategy = GroupingStrategy.Manual, Groups = JsonSerializer.SerializeToElement(groups) } };
}

/// <summary>How alike somebody holds the items to be.</summary>
/// <param name="ItemIds">The items, in the order of rows and columns.</param>
/// <param name="Similarity">Similarities <c>[items, items]</c>, 0 to 1, symmetric.</param>
sealed record ItemSimilarity(ImmutableArray<string> ItemIds, ImmutableArray<ImmutableArray<double>> Similarity)
{
    /// <summary>Reads them from a JSON file.</summary>
    public static ItemSimilarity Read(string path) => JsonSerializer.Deserialize<ItemSimilarity>(File.ReadAllBytes(path), StrictJson.Options)!;

    /// <summary>As many groups as another plan of the same items has.</summary>
    public IEnumerable<IEnumerable<string>> Plan(MergePlan other)
    {
        var chosen = other.Groups.SelectMany(group => group).Order(StringComparer.Ordinal).ToImmutableArray();
        int[] rows = [.. chosen.Select(id => ItemIds.IndexOf(id))];
        if (rows.FirstOrDefault(row => row < 0, 0) < 0)
            throw new ArgumentException($"The similarities lack one of {string.Join(", ", chosen)}.");
        ImmutableArray<ImmutableArray<double>> part = [.. rows.Select(row => rows.Select(column => Similarity[row][column]).ToImmutableArray())];
        return HierarchicalClustering.Cluster(chosen, part).Cut(other.Groups.Length).Groups.Select(group => group.AsEnumerable());
    }
}
