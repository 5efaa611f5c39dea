namespace ScoringService.Api.Items;

/// <summary>Where item models may be imported from; section <c>Import</c>.</summary>
sealed class ImportOptions
{
    /// <summary>Directory under which an administrator may name checkpoints to import.</summary>
    /// <value>Default none: checkpoints come in the request only.</value>
    public string? Directory { get; set; }
}
