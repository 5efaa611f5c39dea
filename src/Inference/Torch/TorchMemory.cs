using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;
using TorchSharp;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Inference.Torch;

/// <summary>Torch tensors from numbers in memory, and their numbers. Tensors belong to the caller's dispose scope.</summary>
public static class TorchMemory
{
    /// <summary>A copy of a tensor.</summary>
    /// <remarks>A copy, because products of matrices have other bits where memory is not aligned as libtorch aligns its own.</remarks>
    public static TorchTensor ToTorch(this Tensor tensor)
    {
        Libtorch.Load();
        return Copy(tensor.Values, [.. tensor.Shape.Select(size => (long)size)]);
    }

    /// <summary>A copy of numbers, row-major.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="shape">Sizes whose product is their count.</param>
    public static TorchTensor Copy(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape)
    {
        var tensor = torch.empty(shape, torch.float32);
        values.CopyTo(tensor.Floats());
        return tensor;
    }

    /// <summary>A copy of integers, row-major.</summary>
    /// <param name="values">The integers.</param>
    /// <param name="shape">Sizes whose product is their count.</param>
    public static TorchTensor Copy(ReadOnlySpan<long> values, params ReadOnlySpan<long> shape)
    {
        var tensor = torch.empty(shape, torch.int64);
        values.CopyTo(MemoryMarshal.Cast<byte, long>(tensor.bytes));
        return tensor;
    }

    /// <summary>The numbers of a single-precision tensor in the processor's memory, row-major; valid while the tensor lives.</summary>
    public static Span<float> Floats(this TorchTensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
}
