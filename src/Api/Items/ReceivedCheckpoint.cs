using System.Text.Json;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Items;

/// <summary>A checkpoint as a request brings it: files in a form, or a directory on the server that the configuration allows.</summary>
/// <param name="Directory">Where its files lie.</param>
/// <param name="Named">The request's other member; null where it is left out.</param>
sealed record ReceivedCheckpoint(string Directory, string? Named)
{
    /// <summary>Most bytes of a request.</summary>
    public const long MaxUpload = 4L * 1024 * 1024 * 1024;

    /// <summary>The files of a checkpoint.</summary>
    public static readonly string[] Files =
        ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

    static readonly string[] PickleExtensions = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

    /// <summary>Takes in a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="member">Name of the member or form field beside the checkpoint.</param>
    /// <param name="staging">Directory for files that are sent.</param>
    /// <param name="options">From where checkpoints may be imported.</param>
    /// <param name="validation">Receives what is wrong; then the checkpoint is not to be used.</param>
    /// <param name="stop">The caller went away.</param>
    public static Task<ReceivedCheckpoint> Read(
        HttpRequest request, string member, string staging, ImportOptions options, Validation validation, CancellationToken stop) =>
        request.HasFormContentType ? Receive(request, member, staging, validation, stop) : Locate(request, member, options, validation, stop);

    static async Task<ReceivedCheckpoint> Receive(HttpRequest request, string member, string staging, Validation validation, CancellationToken stop)
    {
        try
        {
            var form = await request.ReadFormAsync(stop);
            foreach (var file in form.Files)
            {
                var name = Path.GetFileName(file.FileName);
                validation.Require(!PickleExtensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase), name,
                    "A pickle can run code when it is read, so it is refused. Convert it to model.safetensors where you trust it.");
                validation.Require(Files.Contains(name), name, $"A checkpoint consists of {string.Join(", ", Files)}.");
                if (validation.Failed)
                    break;
                await using var target = File.Create(Path.Combine(staging, name));
                await file.CopyToAsync(target, stop);
            }

            return new(staging, form[member] is [{ Length: > 0 } named] ? named : null);
        }
        catch (InvalidDataException malformed)
        {
            validation.Require(false, "$", malformed.Message);
            return new(staging, null);
        }
    }

    static async Task<ReceivedCheckpoint> Locate(
        HttpRequest request, string member, ImportOptions options, Validation validation, CancellationToken stop)
    {
        var nothing = new ReceivedCheckpoint("", null);
        try
        {
            var body = await request.ReadFromJsonAsync<JsonElement>(stop);
            var members = body.ValueKind == JsonValueKind.Object
                ? body.Deserialize<Dictionary<string, JsonElement>>()!
                : throw new JsonException("The body is not a JSON object.");
            foreach (var unknown in members.Keys.Except(["directory", member]))
                validation.Require(false, $"$.{unknown}", $"There is no such member. Expected: directory, {member}.");
            var directory = Text(members, "directory", validation);
            var named = Text(members, member, validation);
            validation.Require(directory is not null, "$.directory", "Name the directory, or send the files as multipart/form-data.");
            if (validation.Failed)
                return nothing;
            return Resolve(directory!, options, validation) is { } path ? new(path, named) : nothing;
        }
        catch (JsonException malformed)
        {
            validation.Require(false, malformed.Path ?? "$", malformed.Message);
            return nothing;
        }
    }

    static string? Resolve(string directory, ImportOptions options, Validation validation)
    {
        if (options.Directory is not { } root)
        {
            validation.Require(false, "$.directory",
                "This service imports from no directory (Import__Directory is not set). Send the files as multipart/form-data.");
            return null;
        }

        // Resolved first: what counts is where the name leads, not how it is spelt.
        var allowed = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)) + Path.DirectorySeparatorChar;
        var path = Path.GetFullPath(Path.Combine(allowed, directory));
        validation.Require(path.StartsWith(allowed, StringComparison.Ordinal) && System.IO.Directory.Exists(path), "$.directory",
            $"There is no directory '{directory}' where this service imports from.");
        return path;
    }

    static string? Text(Dictionary<string, JsonElement> members, string name, Validation validation)
    {
        if (!members.TryGetValue(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        var isText = value.ValueKind == JsonValueKind.String;
        validation.Require(isText && !value.GetString()!.Contains('\0'), $"$.{name}", "This is a text.");
        return isText ? value.GetString() : null;
    }
}
