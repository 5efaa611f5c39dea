using System.Collections.Immutable;

namespace ScoringService.Merging.Planning;

/// <summary>How a language model came to the similarities of a plan: enough to judge them, and to ask again.</summary>
/// <param name="Host">Host of the endpoint that was asked.</param>
/// <param name="Model">Name of the model that was asked for.</param>
/// <param name="Exchanges">What was asked and answered, in the order of the questions.</param>
public sealed record GroupingProvenance(string Host, string Model, ImmutableArray<RatingExchange> Exchanges);

/// <summary>One question to a language model and its answer, word for word.</summary>
/// <param name="Instructions">The system message.</param>
/// <param name="Question">The user message.</param>
/// <param name="AnsweredBy">Name of the model as the endpoint gave it; null where it gave none.</param>
/// <param name="Answer">The text of the answer.</param>
public sealed record RatingExchange(string Instructions, string Question, string? AnsweredBy, string Answer);
