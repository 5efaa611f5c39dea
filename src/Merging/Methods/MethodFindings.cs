using System.Collections.Immutable;

namespace ScoringService.Merging.Methods;

/// <summary>What a method found out while it made an encoder; part of the report.</summary>
public sealed class MethodFindings
{
    /// <summary>How far fine-tuning moved each layer's modules; null where the method did not ask.</summary>
    public ImmutableArray<ModuleChange>? Changes { get; set; }

    /// <summary>What routers give; null where there are none.</summary>
    public RoutingFindings? Routing { get; set; }
}
