using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Batching;

/// <summary>Requests of given token ids, and an encoder whose vector for a response is the sum of its ids, their number and its expert.</summary>
static class Requests
{
    public const int Hidden = 3;
    public const int Poison = -1;

    public static EncodeRequest Of(Requester requester, params (EncoderQueue Encoder, int[] Ids)[] responses)
    {
        var request = new EncodeRequest(requester, responses.Length);
        for (var i = 0; i < responses.Length; i++)
        {
            responses[i].Ids.CopyTo(request.Room(responses[i].Ids.Length));
            request.Add(responses[i].Encoder, responses[i].Ids.Length, expert: i);
        }
        return request;
    }

    public static EncodeRequest Of(EncoderQueue encoder, params int[][] responses) =>
        Of(new Requester("school"), [.. responses.Select(ids => (encoder, ids))]);

    public static void Encode(ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        for (var i = 0; i < responses.Length; i++)
        {
            var ids = responses[i].Ids.ToArray();
            if (ids[0] == Poison)
                throw new InvalidOperationException("poison");
            Expected(ids, responses[i].Expert).CopyTo(pooled[(i * Hidden)..]);
        }
    }

    public static float[] Expected(int[] ids, int expert) => [ids.Sum(), ids.Length, expert];
}
