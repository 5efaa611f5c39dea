using Microsoft.Extensions.Options;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Security;

/// <summary>Sees to it that somebody can call a service that has just been installed.</summary>
sealed partial class FirstKey(
    ApiKeys keys, DataDirectory directory, IOptions<SecurityOptions> options, IHostEnvironment environment, ILogger<FirstKey> log)
{
    const string Tenant = "default";

    /// <summary>Brings the configured key to life, or in Development makes one where there is none.</summary>
    public void Ensure()
    {
        if (options.Value.BootstrapKey is { } configured)
        {
            if (keys.Find(configured) is null)
                keys.Create(Tenant, Scopes.All, configured);
        }
        else if (keys.AnyLive())
        {
            return;
        }
        else if (environment.IsDevelopment())
        {
            WriteForOwnerOnly(directory.AdminKey, keys.Create(Tenant, Scopes.All).Key);
        }
        else
        {
            NoKey(log);
        }
    }

    /// <summary>The key that was made on the first start in Development, while it is live.</summary>
    public string? Read()
    {
        if (!File.Exists(directory.AdminKey))
            return null;
        var key = File.ReadAllText(directory.AdminKey).Trim();
        return keys.Find(key) is null ? null : key;
    }

    static void WriteForOwnerOnly(string path, string key)
    {
        // An older file may be readable by others and would keep its mode.
        File.Delete(path);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.WriteLine(key);
    }

    [LoggerMessage(LogLevel.Warning,
        "There is no API key, so every request is refused. Create one with the verb 'keys create --tenant <name> --scopes score,admin', "
        + "or set Security__BootstrapKey and start again.")]
    static partial void NoKey(ILogger log);
}
