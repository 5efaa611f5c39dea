using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents types of which there are several kinds as the serializer writes them: told apart by the member it adds.</summary>
sealed class Alternatives : ISchemaFilter
{
    public static void Use(SwaggerGenOptions swagger)
    {
        swagger.SchemaFilter<Alternatives>();
        swagger.UseOneOfForPolymorphism();
        swagger.UseAllOfForInheritance();
        swagger.SelectSubTypesUsing(type => Kinds(type).Select(kind => kind.DerivedType));
        swagger.SelectDiscriminatorNameUsing(type =>
            type.GetCustomAttribute<JsonPolymorphicAttribute>(inherit: false)?.TypeDiscriminatorPropertyName);
        swagger.SelectDiscriminatorValueUsing(type =>
            Kinds(type.BaseType!).FirstOrDefault(kind => kind.DerivedType == type)?.TypeDiscriminator?.ToString());
    }

    // What all kinds share and what is each one's own are described apart; either part alone would forbid the members of the other.
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema whole || !(Kinds(context.Type).Any() || Kinds(context.Type.BaseType ?? typeof(object)).Any()))
            return;
        foreach (var part in (whole.AllOf ?? []).OfType<OpenApiSchema>().Prepend(whole))
            part.AdditionalPropertiesAllowed = true;
    }

    static IEnumerable<JsonDerivedTypeAttribute> Kinds(Type type) => type.GetCustomAttributes<JsonDerivedTypeAttribute>(inherit: false);
}
