using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;
using TorchSharp;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Inference.Torch;

/// <summary>Torch tensors of numbers in memory, and their numbers. Tensors belong to the caller's dispose scope.</summary>
public static class TorchMemory
{
    /// <summary>A tensor that reads an array in place; the array stays where it is while the tensor lives.</summary>
    public static TorchTensor InPlace(Tensor tensor)
    {
        Libtorch.Load();
        return torch.as_tensor(tensor.Values).view([.. tensor.Shape.Select(size => (long)size)]);
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
