using System.Collections.Immutable;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>An item and its labelled responses, split. Choices are made on validation; test is read once.</summary>
public sealed record ItemData(
    Item Item,
    ImmutableArray<LabelledResponse> Train,
    ImmutableArray<LabelledResponse> Validation,
    ImmutableArray<LabelledResponse> Test);
