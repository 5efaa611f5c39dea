using System.Diagnostics;
using System.Text.Json;

namespace ScoringService.Api.Tests.CommandLine;

public sealed class VerbsTests
{
    [Fact]
    public async Task A_key_made_on_the_command_line_is_live_in_the_service_until_it_is_revoked()
    {
        using var directory = new TemporaryDirectory();
        var created = JsonElement.Parse((await Run(directory, "keys", "create", "--tenant", "college", "--scopes", "admin")).Output);
        await using (var service = await RunningService.Start(directory.Path))
        {
            using var client = service.Client(created.String("key"));
            await client.GetAsync("/v1/admin/items").Json();
        }

        var listed = await Run(directory, "keys", "list");
        Assert.Contains("\"tenant\":\"college\"", listed.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(created.String("key"), listed.Output, StringComparison.Ordinal);

        Assert.Equal(0, (await Run(directory, "keys", "revoke", created.String("id"))).ExitCode);
        var again = await Run(directory, "keys", "revoke", created.String("id"));
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("keys list", again.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("keys create --scopes root", "There is no scope 'root'")]
    [InlineData("kyes list", "There is no verb 'kyes'")]
    [InlineData("import nobody .", "There is no item 'nobody'")]
    public async Task A_slip_is_told_on_standard_error(string arguments, string message)
    {
        using var directory = new TemporaryDirectory();

        var (exitCode, output, error) = await Run(directory, arguments.Split(' '));

        Assert.Equal(1, exitCode);
        Assert.Contains(message, output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_in_another_layout_become_items_with_responses_and_second_scores()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "train.tsv");
        await File.WriteAllTextAsync(file, "Id\tEssaySet\tScore1\tScore2\tEssayText\n1\t1\t1\t0\tyes\n2\t1\t0\t\tno\n3\t2\t2\t2\twell\n4\t2\t0\t\tno\n");

        var (exitCode, output, error) = await Run(directory, "import-data", "--format", "asap-sas", file);

        Assert.True(exitCode == 0, error);
        Assert.Equal(
            """{"items":[{"itemId":"ASAP_1","responses":2,"scoredTwice":1},{"itemId":"ASAP_2","responses":2,"scoredTwice":1}]}""", output.Trim());
        await using var service = await RunningService.Start(directory.Path);
        var item = await service.Admin.GetAsync("/v1/admin/items/ASAP_2").Json();
        Assert.Equal("""["0","2"]""", item.GetProperty("labels").GetRawText());
        Assert.Equal(2, item.GetProperty("responses").GetProperty("train").GetInt32());
    }

    [Fact]
    public async Task Data_that_do_not_fit_an_item_that_is_defined_are_refused()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "item.csv");
        await File.WriteAllTextAsync(file, "id,split,item,score,text\na,train,item,0,no\nb,train,item,1,yes\n");
        Assert.Equal(0, (await Run(directory, "import-data", "--format", "scoring", file)).ExitCode);
        await File.WriteAllTextAsync(file, "id,split,item,score,text\na,train,item,0,no\nb,train,item,5,yes\n");

        var (exitCode, _, error) = await Run(directory, "import-data", "--format", "scoring", file);

        Assert.Equal(1, exitCode);
        Assert.Contains("defined with the labels 0, 1; the file has 0, 5", error, StringComparison.Ordinal);
    }

    static async Task<(int ExitCode, string Output, string Error)> Run(TemporaryDirectory data, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["Storage__DataDirectory"] = data.Path },
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
