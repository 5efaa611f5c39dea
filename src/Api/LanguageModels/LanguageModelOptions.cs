using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.LanguageModels;

/// <summary>
/// A language model behind an OpenAI-compatible chat-completions endpoint, which rates items for the grouping strategy <c>language-model</c>; section
/// <c>LanguageModel</c>. It is sent titles, prompts and labels with points, never a response.
/// </summary>
sealed class LanguageModelOptions : IValidatableObject
{
    /// <summary>Base address of the API, to which <c>/chat/completions</c> is added; http or https, without user name, query or fragment.</summary>
    /// <value>Default none: no language model is asked.</value>
    public Uri? Endpoint { get; set; }

    /// <summary>Name of the model.</summary>
    /// <value>Default none; needed with <see cref="Endpoint"/>.</value>
    public string? Model { get; set; }

    /// <summary>Sent as bearer token. Comes from the configuration only and appears in no log, report or answer.</summary>
    /// <value>Default none: no token is sent.</value>
    public string? ApiKey { get; set; }

    /// <summary>Longest wait for one answer.</summary>
    /// <value>1 second to 1 hour; default 2 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Longest wait for a question with all its attempts and the pauses between them.</summary>
    /// <value>1 second to 1 day, not below <see cref="Timeout"/>; default 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan TotalTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Attempts after the first where the endpoint fails, is busy or does not answer in time.</summary>
    /// <value>0 to 10; default 4.</value>
    [Range(0, 10)]
    public int Retries { get; set; } = 4;

    /// <summary>
    /// Pause before the second attempt; it doubles from attempt to attempt, with jitter. A <c>Retry-After</c> of the endpoint takes its place.
    /// </summary>
    /// <value>10 milliseconds to 1 minute; default 1 second.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the endpoint is left alone after five attempts or more within 15 minutes, nearly all of them failures.</summary>
    /// <value>1 second to 1 hour; default 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan BreakDuration { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Largest answer that is read, in bytes.</summary>
    /// <value>1,024 to 64 MB; default 1 MB.</value>
    [Range(1024, 67_108_864)]
    public int MaxAnswerBytes { get; set; } = 1_048_576;

    /// <summary>Most items that one recipe may have rated; the number of pairs, and with it the cost, grows with its square.</summary>
    /// <value>2 to 200; default 50.</value>
    [Range(2, 200)]
    public int MaxItems { get; set; } = 50;

    /// <summary>Whether there is a language model to ask.</summary>
    public bool IsConfigured => Endpoint is not null;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Endpoint is not null
            && !(Endpoint.IsAbsoluteUri && (Endpoint.Scheme == Uri.UriSchemeHttp || Endpoint.Scheme == Uri.UriSchemeHttps)
                && Endpoint.UserInfo.Length == 0 && Endpoint.Query.Length == 0 && Endpoint.Fragment.Length == 0))
        {
            yield return new(
                "LanguageModel:Endpoint must be an absolute http or https address without user name, query or fragment, such as "
                + "https://api.openai.com/v1; the key goes into LanguageModel:ApiKey.", [nameof(Endpoint)]);
        }

        if (Endpoint is null != string.IsNullOrWhiteSpace(Model))
            yield return new("LanguageModel:Endpoint and LanguageModel:Model belong together: set both or neither.", [nameof(Model)]);
        if (ApiKey is not null && (ApiKey.Length == 0 || !ApiKey.All(c => char.IsAscii(c) && !char.IsControl(c) && !char.IsWhiteSpace(c))))
            yield return new("LanguageModel:ApiKey must be printable ASCII without spaces, or not set.", [nameof(ApiKey)]);
        if (TotalTimeout < Timeout)
            yield return new("LanguageModel:TotalTimeout must not be below LanguageModel:Timeout.", [nameof(TotalTimeout)]);
    }
}
