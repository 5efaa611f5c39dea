using System.CommandLine;
using System.Text.Json;
using ScoringService.Api.Security;
using ScoringService.Api.Storage;

namespace ScoringService.Api.CommandLine;

/// <summary><c>keys create|list|revoke</c>. A running service sees the change within a second.</summary>
static class KeyVerbs
{
    public static Command Create() => new("keys", "Manage API keys") { CreateKey(), ListKeys(), RevokeKey() };

    static Command CreateKey()
    {
        var tenant = new Option<string>("--tenant") { Description = "Whose key it is", DefaultValueFactory = _ => "default" };
        var scopes = new Option<string[]>("--scopes")
        {
            Description = "What it may do: score, admin",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
            CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Distinct()],
        };
        scopes.Validators.Add(result =>
        {
            if (result.GetValue(scopes)?.Except(Scopes.All).FirstOrDefault() is { } unknown)
                result.AddError($"There is no scope '{unknown}'; there are {string.Join(" and ", Scopes.All)}.");
        });

        var command = new Command("create", "Create a key and print it; it cannot be read again") { tenant, scopes };
        command.SetAction(parsed => WithKeys(parsed, keys =>
        {
            var (key, row) = keys.Create(parsed.GetRequiredValue(tenant), parsed.GetRequiredValue(scopes));
            return new { row.Id, row.Tenant, row.Scopes, row.CreatedAt, key };
        }));
        return command;
    }

    static Command ListKeys()
    {
        var command = new Command("list", "List all keys, without the keys themselves");
        command.SetAction(parsed => WithKeys(parsed, keys =>
            keys.List().Select(key => new { key.Id, key.Tenant, key.Scopes, key.CreatedAt, key.RevokedAt })));
        return command;
    }

    static Command RevokeKey()
    {
        var id = new Argument<string>("id") { Description = "Id of the key, as 'keys list' shows it" };
        var command = new Command("revoke", "Refuse a key from now on") { id };
        command.SetAction(parsed => WithKeys(parsed, keys =>
            keys.Revoke(parsed.GetRequiredValue(id)) ? new { Id = parsed.GetRequiredValue(id), revoked = true } : null,
            $"There is no live key '{parsed.GetValue(id)}'; 'keys list' shows them."));
        return command;
    }

    static int WithKeys(ParseResult parsed, Func<ApiKeys, object?> act, string failure = "")
    {
        using var app = Verbs.BuildForVerb();
        app.Services.OpenStorage();
        if (act(app.Services.GetRequiredService<ApiKeys>()) is not { } answer)
        {
            parsed.InvocationConfiguration.Error.WriteLine(failure);
            return 1;
        }

        parsed.InvocationConfiguration.Output.WriteLine(JsonSerializer.Serialize(answer, JsonSerializerOptions.Web));
        return 0;
    }
}
