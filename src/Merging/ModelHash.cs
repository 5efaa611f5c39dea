using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging;

/// <summary>Tells models apart by what they hold, wherever their files lie.</summary>
static class ModelHash
{
    /// <summary>Hashes of the base model and of every item model, by the names that a manifest gives them.</summary>
    public static ImmutableSortedDictionary<string, string> Parents(MergeSources sources, CancellationToken stop)
    {
        var parents = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        parents[sources.BaseName] = Of(sources.Base.Encoder, head: null, stop);
        foreach (var (id, model) in sources.Models)
            parents[$"items/{id}"] = Of(model.Encoder, model.Head, stop);
        return parents.ToImmutable();
    }

    /// <summary>
    /// SHA-256 of a model's tensors, in lower-case hexadecimal digits: in ordinal order of their names, each with its name, shape and values.
    /// </summary>
    static string Of(IReadOnlyDictionary<string, Tensor> encoder, Head? head, CancellationToken stop)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, tensor) in encoder.OrderBy(tensor => tensor.Key, StringComparer.Ordinal))
            Append(name, tensor);
        if (head is not null)
        {
            Append("classifier.weight", head.Weight);
            Append("classifier.bias", head.Bias);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string name, Tensor tensor)
        {
            stop.ThrowIfCancellationRequested();
            var text = Encoding.UTF8.GetBytes(name);
            // Lengths first: no two models may make the same bytes.
            AppendNumber(text.Length);
            hash.AppendData(text);
            AppendNumber(tensor.Shape.Length);
            foreach (var size in tensor.Shape)
                AppendNumber(size);
            hash.AppendData(MemoryMarshal.AsBytes<float>(tensor.Values));
        }

        void AppendNumber(int number)
        {
            Span<byte> bytes = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
    }
}
