namespace ScoringService.Api.Items;

/// <summary>Registers the items.</summary>
static class ItemSetup
{
    public static void AddItems(this IServiceCollection services) 
    {
        services.AddSingleton<ItemStore>();
        services.AddOptions<ImportOptions>().BindConfiguration("Import");
        services.AddSingleton<ItemModels>();
        services.AddSingleton<ItemModelImport>();
    }
}
