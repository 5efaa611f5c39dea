using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>WEMoE's MLP: both linear layers are blended for each response with the weights that a router gives, exactly (§3).</summary>
/// <param name="router">Gives the weights.</param>
/// <param name="up">The first linear layer.</param>
/// <param name="down">The second.</param>
/// <param name="lanes">The same for sixteen responses side by side; null where task vectors keep too much for it to be faster.</param>
sealed unsafe class BlendedMlp(ForwardRouter router, BlendedMatrix up, BlendedMatrix down, LaneMlp? lanes) : ForwardMlp
{
    /// <summary>Whether sixteen responses side by side cost less than one after the other.</summary>
    public bool IsSideBySide => lanes is not null;

    /// <inheritdoc/>
    public override void Apply(Workspace workspace, float* x, float* y, int stride)
    {
        var batch = workspace.Batch;
        var routing = router.Weights(workspace, x, stride);
        var rest = 0;
        for (var place = 0; lanes is not null && place < batch.Responses; place += SparseBlend.Lanes)
        {
            var group = LaneGroup.At(batch, place);
            if (!group.IsWorthIt)
                continue;
            ByRows(rest, place);
            lanes.Apply(workspace, group, routing, router.Stride, x, y, stride);
            rest = place + group.Responses;
        }
        ByRows(rest, batch.Responses);

        void ByRows(int from, int to)
        {
            if (from == to)
                return;
            var middle = workspace.Take(Slot.Middle, (long)batch.Rows * up.Stride);
            up.Apply<Gelu>(workspace, from, to, routing, x, stride, middle);
            down.Apply<Identity>(workspace, from, to, routing, middle, up.Stride, y);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        router.Dispose();
        up.Dispose();
        down.Dispose();
        lanes?.Dispose();
    }
}
