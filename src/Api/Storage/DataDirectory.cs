using Microsoft.Extensions.Options;

namespace ScoringService.Api.Storage;

/// <summary>The places inside the data directory.</summary>
sealed class DataDirectory(IOptions<StorageOptions> options)
{
    /// <summary>Absolute path of the data directory.</summary>
    public string Root { get; } = Path.GetFullPath(options.Value.DataDirectory);

    /// <summary>The SQLite database.</summary>
    public string Database => Path.Combine(Root, "scoring.db");

    /// <summary>The key of the first start in Development, readable by its owner only.</summary>
    public string AdminKey => Path.Combine(Root, "admin.key");

    /// <summary>Parent of the bundles, each in a directory named by its id.</summary>
    public string Bundles => Path.Combine(Root, "bundles");

    /// <summary>The directory of one bundle.</summary>
    public string Bundle(string id) => Path.Combine(Bundles, id);

    /// <summary>What a bundle says about itself.</summary>
    public string BundleManifest(string id) => Path.Combine(Bundle(id), "manifest.json");

    /// <summary>Parent of an item's models, each in a directory named by its content hash.</summary>
    public string ItemModels(string itemId) => Path.Combine(Root, "item-models", itemId);

    /// <summary>The directory of one item model, in Hugging Face layout.</summary>
    public string ItemModel(string itemId, string hash) => Path.Combine(ItemModels(itemId), hash);

    /// <summary>Parent of the base models, each in Hugging Face layout.</summary>
    public string BaseModels => Path.Combine(Root, "base-models");

    /// <summary>Parent of the score batches, each in a directory named by its id.</summary>
    public string ScoreBatches => Path.Combine(Root, "score-batches");

    /// <summary>The directory of one score batch.</summary>
    public string ScoreBatch(string id) => Path.Combine(ScoreBatches, id);

    /// <summary>Parent of what is being received.</summary>
    public string Uploads => Path.Combine(Root, "uploads");

    /// <summary>What long merges keep to go on from when they are asked for again.</summary>
    public string UnfinishedMerges => Path.Combine(Root, "unfinished");

    /// <summary>The report of a merge job, as JSON.</summary>
    public string MergeReport(string jobId) => Path.Combine(Root, "merge-reports", $"{jobId}.json");
}
