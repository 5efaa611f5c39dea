using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Tests.Alignment;

/// <summary>Point clouds and what can be done to them without changing their inner distances.</summary>
static class Clouds
{
    public static Tensor Normal(Random random, int count, int width)
    {
        var values = new float[count * width];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return new Tensor([count, width], values);
    }

    public static double Distance(Tensor cloud, int i, int j)
    {
        var width = cloud.Shape[1];
        return Math.Sqrt(Enumerable.Range(0, width).Sum(k => Math.Pow((double)cloud.Values[(i * width) + k] - cloud.Values[(j * width) + k], 2)));
    }

    public static Tensor Permuted(Random random, Tensor cloud)
    {
        var width = cloud.Shape[1];
        var order = Enumerable.Range(0, cloud.Shape[0]).ToArray();
        random.Shuffle(order);
        return cloud with { Values = [.. order.SelectMany(row => cloud.Values[(row * width)..((row + 1) * width)])] };
    }

    public static Tensor Scaled(Tensor cloud, float factor) => cloud with { Values = [.. cloud.Values.Select(value => value * factor)] };

    /// <summary>A quarter turn in the first two dimensions, a reflection in the others: exact in fp32.</summary>
    public static Tensor Moved(Tensor cloud)
    {
        var width = cloud.Shape[1];
        var moved = cloud.Values.Select(value => -value).ToArray();
        for (var start = 0; start < moved.Length; start += width)
            (moved[start], moved[start + 1]) = (cloud.Values[start + 1], moved[start]);
        return cloud with { Values = moved };
    }
}
