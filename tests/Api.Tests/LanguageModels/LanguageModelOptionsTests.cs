using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using ScoringService.Api.LanguageModels;

namespace ScoringService.Api.Tests.LanguageModels;

public sealed class LanguageModelOptionsTests
{
    [Fact]
    public void Nothing_needs_to_be_set() => Assert.Empty(Faults(new()));

    [Fact]
    public void An_endpoint_and_a_model_are_enough() => Assert.Empty(Faults(Valid()));

    [Fact]
    public void Wrong_values_are_named()
    {
        Refuses(nameof(LanguageModelOptions.Endpoint), options => options.Endpoint = new("file:///etc/passwd"));
        Refuses(nameof(LanguageModelOptions.Endpoint), options => options.Endpoint = new("v1", UriKind.Relative));
        Refuses(nameof(LanguageModelOptions.Endpoint), options => options.Endpoint = new("https://user:secret@host/v1"));
        Refuses(nameof(LanguageModelOptions.Endpoint), options => options.Endpoint = new("https://host/v1?key=secret"));
        Refuses(nameof(LanguageModelOptions.Model), options => options.Model = " ");
        Refuses(nameof(LanguageModelOptions.Model), options => options.Endpoint = null);
        Refuses(nameof(LanguageModelOptions.ApiKey), options => options.ApiKey = "two words");
        Refuses(nameof(LanguageModelOptions.ApiKey), options => options.ApiKey = "");
        Refuses(nameof(LanguageModelOptions.TotalTimeout), options => options.TotalTimeout = options.Timeout - TimeSpan.FromSeconds(1));
        Refuses(nameof(LanguageModelOptions.Timeout), options => options.Timeout = TimeSpan.Zero);
        Refuses(nameof(LanguageModelOptions.Retries), options => options.Retries = 11);
        Refuses(nameof(LanguageModelOptions.RetryDelay), options => options.RetryDelay = TimeSpan.FromHours(1));
        Refuses(nameof(LanguageModelOptions.BreakDuration), options => options.BreakDuration = TimeSpan.Zero);
        Refuses(nameof(LanguageModelOptions.MaxAnswerBytes), options => options.MaxAnswerBytes = 10);
        Refuses(nameof(LanguageModelOptions.MaxItems), options => options.MaxItems = 1);
    }

    [Fact]
    public async Task A_wrong_setting_stops_the_start_and_keeps_the_key_to_itself()
    {
        using var directory = new TemporaryDirectory();

        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => RunningService.Start(
            directory.Path, configure: null, "--LanguageModel:Endpoint=https://host/v1", "--LanguageModel:ApiKey=sk-secret"));

        Assert.Contains("LanguageModel:Model", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-secret", refusal.Message, StringComparison.Ordinal);
    }

    static LanguageModelOptions Valid() => new() { Endpoint = new("https://host/v1"), Model = "o1", ApiKey = "sk-1" };

    static void Refuses(string member, Action<LanguageModelOptions> change)
    {
        var options = Valid();
        change(options);
        Assert.Contains(Faults(options), fault => fault.MemberNames.Contains(member));
    }

    static List<ValidationResult> Faults(LanguageModelOptions options)
    {
        var faults = new List<ValidationResult>();
        Validator.TryValidateObject(options, new(options), faults, validateAllProperties: true);
        return faults;
    }
}
