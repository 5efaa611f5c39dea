namespace ScoringService.Inference.Batching;

/// <summary>Who waits for a request, and how urgently. Requesters of one urgency share the encoders evenly, however much each of them sends.</summary>
/// <param name="Tenant">Whose request it is.</param>
/// <param name="Urgency">What goes before what.</param>
public readonly record struct Requester(string Tenant, Urgency Urgency = Urgency.Interactive);

/// <summary>What goes before what.</summary>
public enum Urgency
{
    /// <summary>A student waits.</summary>
    Interactive,

    /// <summary>Nobody waits: runs when nothing interactive does.</summary>
    Background,
}
