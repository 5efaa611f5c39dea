using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using ScoringService.Api.Storage;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Training;

namespace ScoringService.Api.Items;

/// <summary>The item models: rows in the database, weights in directories named by their content.</summary>
sealed class ItemModels(IDbContextFactory<ScoringDb> databases, DataDirectory directory, IOptions<JsonOptions> json, TimeProvider time)
{
    /// <summary>Keeps a model; it becomes the one that its item is merged with.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer's files by name.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="baseModel">Name of its base model; null when it is not known.</param>
    /// <param name="maxTokens">Longest token sequence it was trained on.</param>
    /// <param name="scores">Its metrics; null when there are none.</param>
    /// <returns>The hash by which it is kept.</returns>
    public string Add(
        ItemModel model, IReadOnlyDictionary<string, byte[]> tokenizer, ItemModelSource source, string? baseModel, int maxTokens, SplitScores? scores)
    {
        var hash = HashOf(model);
        var path = directory.ItemModel(model.Item.Id, hash);
        if (!Directory.Exists(path))
            new Checkpoint(model.Config, model.Encoder, model.Head, tokenizer).Save(path);

        using var db = databases.CreateDbContext();
        if (db.ItemModels.Find(model.Item.Id, hash) is { } known)
            db.ItemModels.Remove(known);
        db.SaveChanges();
        db.ItemModels.Add(new()
        {
            ItemId = model.Item.Id,
            Hash = hash,
            Source = source,
            BaseModel = baseModel,
            MaxTokens = maxTokens,
            Metrics = scores is null ? null : JsonSerializer.Serialize(scores, json.Value.SerializerOptions),
            CreatedAt = time.GetUtcNow(),
        });
        db.SaveChanges();
        return hash;
    }

    /// <summary>The newest model of an item, or null.</summary>
    public ItemModelRow? Newest(string itemId)
    {
        using var db = databases.CreateDbContext();
        return db.ItemModels.AsNoTracking().Where(model => model.ItemId == itemId).OrderByDescending(model => model.CreatedAt).FirstOrDefault();
    }

    /// <summary>Loads a model's weights.</summary>
    /// <exception cref="InvalidCheckpointException">Its files are not what they should be.</exception>
    public ItemModel Load(Item item, string hash)
    {
        var checkpoint = Checkpoint.Load(directory.ItemModel(item.Id, hash));
        return new(item, checkpoint.Config, checkpoint.Encoder, checkpoint.Head!);
    }

    static string HashOf(ItemModel model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var tensors = model.Encoder.Append(new("head.weight", model.Head.Weight)).Append(new("head.bias", model.Head.Bias));
        foreach (var (name, tensor) in tensors.OrderBy(tensor => tensor.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {tensor.Describe()}\n"));
            hash.AppendData(MemoryMarshal.AsBytes<float>(tensor.Values));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
