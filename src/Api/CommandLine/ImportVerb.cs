using System.CommandLine;
using System.Text.Json;
using ScoringService.Api.Items;
using ScoringService.Api.Storage;
using ScoringService.Api.Training;

namespace ScoringService.Api.CommandLine;

/// <summary><c>import</c>: takes in a fine-tuned Hugging Face checkpoint as an item's model.</summary>
static class ImportVerb
{
    public static Command Create()
    {
        var itemId = new Argument<string>("itemId") { Description = "Item that the model scores; it must be defined" };
        var directory = new Argument<DirectoryInfo>("directory")
        {
            Description = "The checkpoint: config.json, model.safetensors, vocab.txt or tokenizer.json",
        }.AcceptExistingOnly();
        var baseModel = new Option<string>("--base-model")
        {
            Description = "The base model it was fine-tuned from",
            DefaultValueFactory = _ => BaseModels.Default,
        };
        var command = new Command("import", "Import a fine-tuned checkpoint as an item's model") { itemId, directory, baseModel };
        command.SetAction(async (parsed, stop) =>
        {
            var (id, name) = (parsed.GetRequiredValue(itemId), parsed.GetRequiredValue(baseModel));
            await using var app = Verbs.BuildForVerb();
            app.Services.OpenStorage();
            var items = app.Services.GetRequiredService<ItemStore>();
            var obstacle = await items.Find(id, stop) is not { } item
                ? $"There is no item '{id}'. Define it with PUT /v1/admin/items/{id}."
                : app.Services.GetRequiredService<BaseModels>().Exists(name)
                    ? app.Services.GetRequiredService<ItemModelImport>().Import(item, parsed.GetRequiredValue(directory).FullName, name)
                    : $"There is no base model '{name}'.";
            if (obstacle is not null)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(obstacle);
                return 1;
            }

            var view = (await items.View(id, stop))!;
            await parsed.InvocationConfiguration.Output.WriteLineAsync(
                JsonSerializer.Serialize(new { view.ItemId, view.Model }, JsonSerializerOptions.Web));
            return 0;
        });
        return command;
    }
}
