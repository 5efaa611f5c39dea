using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Kernels;

/// <summary>
/// A linear layer with pruned task vectors, θ₀ + Σᵢ wᵢτᵢ, blended for sixteen responses side by side, a tile of 6 outputs and 32 inputs at a time.
/// </summary>
/// <remarks>
/// The floor is a multiply-add for each value that is kept and a store for each weight, both for sixteen responses. Within a tile, weights are sorted by how
/// many experts keep them, so that each of them is blended without a question: first those that no expert changes, then those that one does, and so on.
/// </remarks>
sealed unsafe class SparseBlend : IDisposable
{
    /// <summary>Responses side by side.</summary>
    public const int Lanes = 16;

    /// <summary>Outputs of a tile.</summary>
    public const int Outputs = 6;

    /// <summary>Inputs of a tile, unless it is the last.</summary>
    public const int Depth = 32;

    /// <summary>Numbers of a blended tile, <c>[32, 6, 16]</c>.</summary>
    public const int TileNumbers = Depth * Outputs * Lanes;

    // Weights that more experts keep than fit here say themselves how many do.
    const int Many = 4;

    readonly NativeArray<float> shared;
    readonly NativeArray<ushort> places;
    readonly NativeArray<float> kept;
    readonly NativeArray<uint> keys;
    readonly NativeArray<float> bias;
    readonly Tile[] tiles;

    /// <summary>Sorts a linear layer's weights.</summary>
    /// <param name="weight">θ₀'s weight, <c>[out, in]</c>; inputs in sixteens.</param>
    /// <param name="bias">θ₀'s bias, <c>[out]</c>.</param>
    /// <param name="weights">τᵢ of the weight, zero where nothing is kept.</param>
    /// <param name="biases">τᵢ of the bias.</param>
    public SparseBlend(Tensor weight, Tensor bias, float[][] weights, float[][] biases)
    {
        (Inputs, FilledOutputs, Experts) = (weight.Shape[1], (bias.Length + Outputs - 1) / Outputs * Outputs, weights.Length);
        tiles = new Tile[(Inputs + Depth - 1) / Depth * (FilledOutputs / Outputs)];
        shared = new((long)Inputs * FilledOutputs);
        // Room for all weights: how many of them nobody keeps is known only when they are sorted.
        places = new((long)Inputs * FilledOutputs);
        var values = weights.Sum(expert => (long)expert.Length - expert.AsSpan().Count(0f));
        // A weight that many keep takes one more place, for their number.
        (kept, keys) = (new(values + (values / Many)), new(values + (values / Many)));
        this.bias = new((long)FilledOutputs * (1 + Experts));

        var (entry, untouched, change) = (0L, 0L, 0L);
        var (positions, keepersOf) = (new int[Depth * Outputs], new int[Depth * Outputs]);
        for (var number = 0; number < tiles.Length; number++)
            Sort(number);
        for (var output = 0; output < FilledOutputs; output++)
        {
            var to = this.bias.Start + (output * (1 + Experts));
            to[0] = output < bias.Length ? bias.Values[output] : 0;
            for (var expert = 0; expert < Experts; expert++)
                to[expert + 1] = output < bias.Length ? biases[expert][output] : 0;
        }

        void Sort(int number)
        {
            var (depth, first) = Math.DivRem(number, FilledOutputs / Outputs);
            var tile = new Tile(entry, untouched, change);
            var count = DepthOf(depth) * Outputs;
            for (var place = 0; place < count; place++)
            {
                var (input, output) = ((depth * Depth) + (place / Outputs), (first * Outputs) + (place % Outputs));
                positions[place] = output < bias.Length ? (output * Inputs) + input : -1;
                keepersOf[place] = positions[place] < 0 ? 0 : Keepers(positions[place]);
            }
            for (var group = 0; group <= Many; group++)
            {
                for (var place = 0; place < count; place++)
                {
                    var (position, keepers) = (positions[place], keepersOf[place]);
                    if (Math.Min(keepers, Many) != group)
                        continue;
                    tile.Weights[group]++;
                    if (group == 0)
                        places.Start[untouched++] = (ushort)(place * Lanes);
                    shared.Start[entry++] = position < 0 ? 0 : weight.Values[position];
                    if (group == Many)
                        (keys.Start[change], kept.Start[change++]) = (Key(keepers, place), 0);
                    for (var expert = 0; keepers > 0 && expert < Experts; expert++)
                    {
                        if (weights[expert][position] != 0)
                            (keys.Start[change], kept.Start[change++]) = (Key(expert * Lanes, place), weights[expert][position]);
                    }
                }
            }
            tiles[number] = tile;
        }

        int Keepers(int position)
        {
            var keepers = 0;
            foreach (var expert in weights)
                keepers += expert[position] != 0 ? 1 : 0;
            return keepers;
        }
    }

    /// <summary>Length of a row that goes in.</summary>
    public int Inputs { get; }

    /// <summary>Length of a row that comes out, filled up to whole tiles.</summary>
    public int FilledOutputs { get; }

    /// <summary>Number of experts.</summary>
    public int Experts { get; }

    /// <summary>Blends a tile.</summary>
    /// <param name="number">The tile: all outputs of the first inputs, then of the next.</param>
    /// <param name="routing">Routing weights, <c>[experts, 16]</c>.</param>
    /// <param name="blended">Receives <c>[in, 6, 16]</c>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Blend(int number, float* routing, float* blended)
    {
        ref readonly var tile = ref tiles[number];
        float* weight = shared.Start + tile.FirstWeight, value = kept.Start + tile.FirstKept;
        var key = keys.Start + tile.FirstKept;

        nint weights = tile.Weights[0];
        var place = places.Start + tile.FirstPlace;
        for (nint i = 0; i < weights; i++)
            Vector512.Create(weight[i]).Store(blended + place[i]);
        weight += weights;

        weights = tile.Weights[1];
        for (nint i = 0; i < weights; i++)
            MulAdd(value[i], routing + Expert(key[i]), Vector512.Create(weight[i])).Store(blended + Place(key[i]));
        weight += weights;
        value += weights;
        key += weights;

        weights = tile.Weights[2];
        for (nint i = 0; i < weights; i++, value += 2, key += 2)
        {
            var sum = MulAdd(value[0], routing + Expert(key[0]), Vector512.Create(weight[i]));
            MulAdd(value[1], routing + Expert(key[1]), sum).Store(blended + Place(key[1]));
        }
        weight += weights;

        weights = tile.Weights[3];
        for (nint i = 0; i < weights; i++, value += 3, key += 3)
        {
            var sum = MulAdd(value[0], routing + Expert(key[0]), Vector512.Create(weight[i]));
            sum = MulAdd(value[1], routing + Expert(key[1]), sum);
            MulAdd(value[2], routing + Expert(key[2]), sum).Store(blended + Place(key[2]));
        }
        weight += weights;

        weights = tile.Weights[Many];
        for (nint i = 0; i < weights; i++)
        {
            var sum = Vector512.Create(weight[i]);
            var to = blended + Place(*key);
            nint keepers = Expert(*key++);
            value++;
            for (nint keeper = 0; keeper < keepers; keeper++)
                sum = MulAdd(*value++, routing + Expert(*key++), sum);
            sum.Store(to);
        }
    }

    /// <summary>Blends the bias.</summary>
    /// <param name="routing">Routing weights, <c>[experts, 16]</c>.</param>
    /// <param name="blended">Receives <c>[out, 16]</c>.</param>
    public void BlendBias(float* routing, float* blended)
    {
        for (var output = 0; output < FilledOutputs; output++)
        {
            var from = bias.Start + (output * (1 + Experts));
            var sum = Vector512.Create(from[0]);
            for (var expert = 0; expert < Experts; expert++)
                sum = MulAdd(from[expert + 1], routing + (expert * Lanes), sum);
            sum.Store(blended + (output * Lanes));
        }
    }

    /// <summary>Inputs of the tiles at a depth.</summary>
    public int DepthOf(int depth) => Math.Min(Depth, Inputs - (depth * Depth));

    /// <inheritdoc/>
    public void Dispose()
    {
        shared.Dispose();
        places.Dispose();
        kept.Dispose();
        keys.Dispose();
        bias.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> MulAdd(float value, float* routing, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(Vector512.Create(value), Vector512.Load(routing), sum);

    // Where a value goes and what it is multiplied by, in one number: loads are what blending waits for.
    static uint Key(int expert, int place) => ((uint)expert << 16) | (uint)(place * Lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static nint Expert(uint key) => (nint)(key >> 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static nint Place(uint key) => (nint)(key & 0xffff);

    /// <summary>Where a tile begins, and how many of its weights are kept by no expert, by one, two, three and more.</summary>
    struct Tile(long firstWeight, long firstPlace, long firstKept)
    {
        public readonly long FirstWeight = firstWeight;
        public readonly long FirstPlace = firstPlace;
        public readonly long FirstKept = firstKept;
        public Counts Weights;
    }

    [InlineArray(Many + 1)]
    struct Counts
    {
        int first;
    }
}
