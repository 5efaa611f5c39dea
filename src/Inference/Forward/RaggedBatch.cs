using System.Runtime.InteropServices;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>
/// Responses laid one behind the other, a row per token and no padding, in the order that suits the encoder.
/// </summary>
sealed class RaggedBatch
{
    readonly List<int> order = [];
    readonly List<int> starts = [];
    readonly List<int> keys = [];
    readonly List<RowTile> tiles = [];

    /// <summary>Number of rows: all tokens.</summary>
    public int Rows { get; private set; }

    /// <summary>Number of responses.</summary>
    public int Responses => order.Count;

    /// <summary>The longest response in tokens.</summary>
    public int Longest { get; private set; }

    /// <summary>Tiles of up to eight rows of one expert each.</summary>
    public ReadOnlySpan<RowTile> TilesByExpert => CollectionsMarshal.AsSpan(tiles);

    /// <summary>Which response of the request comes at a place.</summary>
    public int At(int place) => order[place];

    /// <summary>The first row of the response at a place.</summary>
    public int Start(int place) => starts[place];

    /// <summary>Tokens of the response at a place.</summary>
    public int Tokens(int place) => (place + 1 < starts.Count ? starts[place + 1] : Rows) - starts[place];

    /// <summary>Lays out responses anew; nothing is allocated once the lists have grown.</summary>
    /// <param name="responses">The responses.</param>
    /// <param name="by">Their order.</param>
    public void LayOut(ReadOnlySpan<EncoderInput> responses, RowOrder by)
    {
        order.Clear();
        starts.Clear();
        keys.Clear();
        tiles.Clear();
        (Rows, Longest) = (0, 0);
        for (var i = 0; i < responses.Length; i++)
        {
            order.Add(i);
            keys.Add(by == RowOrder.Expert ? responses[i].Expert : responses[i].Ids.Length);
        }
        if (by != RowOrder.Request)
            CollectionsMarshal.AsSpan(keys).Sort(CollectionsMarshal.AsSpan(order));
        foreach (var response in order)
        {
            var tokens = responses[response].Ids.Length;
            starts.Add(Rows);
            Rows += tokens;
            Longest = Math.Max(Longest, tokens);
        }
        if (by == RowOrder.Expert)
            AddTiles();
    }

    void AddTiles()
    {
        for (var place = 0; place < Responses;)
        {
            var (expert, row) = (keys[place], starts[place]);
            while (place < Responses && keys[place] == expert)
                place++;
            for (var end = place < Responses ? starts[place] : Rows; row < end; row += MatrixProduct.RowsAtATime)
                tiles.Add(new(row, Math.Min(MatrixProduct.RowsAtATime, end - row), expert));
        }
    }
}

/// <summary>In which order responses are laid out.</summary>
enum RowOrder
{
    /// <summary>As they are asked for.</summary>
    Request,

    /// <summary>Rows of one expert together.</summary>
    Expert,

    /// <summary>The shortest first, so that responses of about one length are neighbours.</summary>
    Length,
}

/// <summary>Up to eight rows of one expert.</summary>
/// <param name="First">The first row.</param>
/// <param name="Rows">How many.</param>
/// <param name="Expert">Whose they are.</param>
readonly record struct RowTile(int First, int Rows, int Expert);
