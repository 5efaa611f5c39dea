using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.Storage;

/// <summary>Where the service keeps what it must not lose; section <c>Storage</c>.</summary>
sealed class StorageOptions
{
    /// <summary>Directory of the database, the bundles and the item models; relative to the working directory.</summary>
    /// <value>Default <c>./data</c>.</value>
    [Required]
    public string DataDirectory { get; set; } = "./data";
}
