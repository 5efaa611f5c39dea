using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;

namespace ScoringService.Api.Problems;

/// <summary>Holds a recipe against the annotations of its properties, nested ones included.</summary>
static class Annotations
{
    /// <summary>Notes every value that its annotations refuse, by its JSON path.</summary>
    public static void RequireAnnotations(this Validation validation, object recipe, string path = "$")
    {
        foreach (var property in recipe.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var value = property.GetValue(recipe);
            var place = $"{path}.{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}";
            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>().Where(rule => !rule.IsValid(value)))
                validation.Require(false, place, rule.FormatErrorMessage(place));
            if (value is not null && property.PropertyType.Assembly == recipe.GetType().Assembly && property.PropertyType.IsClass)
                validation.RequireAnnotations(value, place);
        }
    }
}
