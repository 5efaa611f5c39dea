namespace ScoringService.Inference.Graphs;

/// <summary>What a tensor of a graph holds; numbered as in <c>onnx.proto</c>.</summary>
public enum ElementType
{
    /// <summary>IEEE single precision: everything that trains and serves.</summary>
    Fp32 = 1,

    /// <summary>Signed 64-bit integers: token ids, masks, sizes.</summary>
    I64 = 7,
}
