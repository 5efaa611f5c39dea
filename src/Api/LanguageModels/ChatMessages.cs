using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Api.LanguageModels;

/// <summary>A request to a chat-completions endpoint, with the members that every one of them knows.</summary>
sealed record ChatRequest(
    [property: JsonPropertyName("model")] string Model,
    [property: JsonPropertyName("messages")] IReadOnlyList<ChatMessage> Messages,
    [property: JsonPropertyName("response_format")] ChatFormat ResponseFormat);

/// <summary>One message of a chat.</summary>
sealed record ChatMessage([property: JsonPropertyName("role")] string Role, [property: JsonPropertyName("content")] string Content);

/// <summary>The format of the answer: JSON that keeps to a schema.</summary>
sealed record ChatFormat(
    [property: JsonPropertyName("type")] string Type, [property: JsonPropertyName("json_schema")] ChatSchema JsonSchema);

/// <summary>A schema the endpoint holds the model to.</summary>
sealed record ChatSchema(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("strict")] bool Strict,
    [property: JsonPropertyName("schema")] JsonElement Schema);

/// <summary>The answer of a chat-completions endpoint, as far as it is read.</summary>
sealed record ChatResponse(
    [property: JsonPropertyName("model")] string? Model, [property: JsonPropertyName("choices")] IReadOnlyList<ChatChoice?>? Choices);

/// <summary>One answer of the model.</summary>
sealed record ChatChoice(
    [property: JsonPropertyName("message")] ChatAnswer? Message, [property: JsonPropertyName("finish_reason")] string? FinishReason);

/// <summary>The text of an answer, or why the model refused.</summary>
sealed record ChatAnswer([property: JsonPropertyName("content")] string? Content, [property: JsonPropertyName("refusal")] string? Refusal);
