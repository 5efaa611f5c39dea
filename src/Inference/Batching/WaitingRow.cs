namespace ScoringService.Inference.Batching;

/// <summary>One response on its way into a batch.</summary>
/// <param name="Part">What it belongs to.</param>
/// <param name="Response">Its place in the request.</param>
/// <param name="Length">Its tokens.</param>
readonly record struct WaitingRow(RequestPart Part, int Response, int Length)
{
    /// <summary>Shortest first; of equals the one that came first.</summary>
    public static int Compare(WaitingRow a, WaitingRow b)
    {
        var order = a.Length.CompareTo(b.Length);
        if (order == 0)
            order = a.Part.Request.Order.CompareTo(b.Part.Request.Order);
        return order == 0 ? a.Response.CompareTo(b.Response) : order;
    }
}
