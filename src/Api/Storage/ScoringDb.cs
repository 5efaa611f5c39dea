using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using ScoringService.Api.Bundles;
using ScoringService.Api.Idempotency;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.ScoreBatches;
using ScoringService.Api.Security;

namespace ScoringService.Api.Storage;

/// <summary>Everything the service remembers besides the model files themselves.</summary>
sealed class ScoringDb(DbContextOptions<ScoringDb> options) : DbContext(options)
{
    public DbSet<ItemRow> Items => Set<ItemRow>();

    public DbSet<ResponseRow> Responses => Set<ResponseRow>();

    public DbSet<ItemModelRow> ItemModels => Set<ItemModelRow>();

    public DbSet<JobRow> Jobs => Set<JobRow>();

    public DbSet<BundleRow> Bundles => Set<BundleRow>();

    public DbSet<ActivationRow> Activations => Set<ActivationRow>();

    public DbSet<ApiKeyRow> ApiKeys => Set<ApiKeyRow>();

    public DbSet<ScoreBatchRow> ScoreBatches => Set<ScoreBatchRow>();

    public DbSet<IdempotencyRow> IdempotencyRecords => Set<IdempotencyRow>();

    protected override void ConfigureConventions(ModelConfigurationBuilder conventions)
    {
        conventions.Properties<DateTimeOffset>().HaveConversion<UtcTime>();
        conventions.Properties<JobState>().HaveConversion<string>();
        conventions.Properties<Split>().HaveConversion<string>();
        conventions.Properties<ItemModelSource>().HaveConversion<string>();
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<ItemRow>().HasKey(item => item.Id);
        model.Entity<ItemRow>().Property(item => item.Definition).HasConversion<ItemDefinitionJson>();

        model.Entity<ResponseRow>().HasKey(response => new { response.ItemId, response.ResponseId });
        model.Entity<ResponseRow>().HasIndex(response => new { response.ItemId, response.Split, response.Position });
        model.Entity<ResponseRow>().HasOne<ItemRow>().WithMany().HasForeignKey(response => response.ItemId);

        model.Entity<ItemModelRow>().HasKey(itemModel => new { itemModel.ItemId, itemModel.Hash });
        model.Entity<ItemModelRow>().HasOne<ItemRow>().WithMany().HasForeignKey(itemModel => itemModel.ItemId);

        model.Entity<JobRow>().HasKey(job => job.Sequence);
        model.Entity<JobRow>().HasIndex(job => job.Id).IsUnique();
        model.Entity<JobRow>().HasIndex(job => new { job.State, job.Sequence });

        model.Entity<BundleRow>().HasKey(bundle => bundle.Id);
        model.Entity<ActivationRow>().HasKey(activation => activation.Sequence);
        model.Entity<ActivationRow>().HasOne<BundleRow>().WithMany().HasForeignKey(activation => activation.BundleId);

        model.Entity<ScoreBatchRow>().HasKey(batch => batch.Sequence);
        model.Entity<ScoreBatchRow>().Property(batch => batch.Id).IsRequired();
        model.Entity<ScoreBatchRow>().HasIndex(batch => batch.Id).IsUnique();
        model.Entity<ScoreBatchRow>().HasIndex(batch => new { batch.State, batch.Tenant, batch.Sequence });

        model.Entity<ApiKeyRow>().HasKey(key => key.Id);
        model.Entity<IdempotencyRow>().HasKey(record => new { record.Tenant, record.Key });
    }

    // SQLite has no type for a time with an offset and cannot order by one; UTC text sorts and reads.
    sealed class UtcTime() : ValueConverter<DateTimeOffset, DateTime>(
        time => time.UtcDateTime,
        utc => new DateTimeOffset(DateTime.SpecifyKind(utc, DateTimeKind.Utc)));
}
