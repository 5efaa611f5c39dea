using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Merging.Methods;

/// <summary>A merge method as a recipe addresses it.</summary>
/// <param name="Name">The recipe's <c>method.name</c>.</param>
/// <param name="Summary">One line: what it does, with its formula.</param>
/// <param name="Parameters">What may be set besides the name.</param>
public sealed record MethodDescription(string Name, string Summary, ImmutableArray<MethodParameter> Parameters);

/// <summary>A parameter of a merge method.</summary>
/// <param name="Name">Its name in a recipe.</param>
/// <param name="Summary">One line: what it does.</param>
/// <param name="Type">JSON type: <c>number</c>, <c>integer</c>, <c>boolean</c> or <c>string</c>.</param>
/// <param name="Default">The value it has when a recipe leaves it out.</param>
/// <param name="Range">Values allowed, for people, e.g. <c>0 to 2</c>; null when any value of the type is.</param>
/// <param name="Minimum">Smallest number allowed; null for none.</param>
/// <param name="Maximum">Largest number allowed; null for none.</param>
/// <param name="Choices">The strings allowed; empty when any is.</param>
public sealed record MethodParameter(
    string Name, string Summary, string Type, object? Default, string? Range, double? Minimum, double? Maximum, ImmutableArray<string> Choices);

/// <summary>Something wrong with a recipe's method.</summary>
/// <param name="Path">JSON path of the value at fault, e.g. <c>$.method.density</c>.</param>
/// <param name="Reason">What is wrong and what is allowed.</param>
public readonly record struct MethodError(string Path, string Reason);

/// <summary>The merge methods by name.</summary>
public static class MethodCatalog
{
    static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
    };

    static readonly ImmutableSortedDictionary<string, Type> Types = typeof(MergeMethod).GetCustomAttributes<JsonDerivedTypeAttribute>()
        .ToImmutableSortedDictionary(entry => (string)entry.TypeDiscriminator!, entry => entry.DerivedType, StringComparer.Ordinal);

    /// <summary>Every method, sorted by name.</summary>
    public static ImmutableArray<MethodDescription> Methods { get; } = [.. Types.Select(entry => Describe(entry.Key, entry.Value))];

    /// <summary>Reads a recipe's method.</summary>
    /// <param name="method">An object with <c>name</c> and that method's parameters.</param>
    /// <param name="errors">
    /// Every unknown name, unknown parameter, wrong type and value out of range; empty exactly when a method is returned.
    /// </param>
    /// <param name="path">JSON path of <paramref name="method"/> in the document it stands in.</param>
    public static MergeMethod? Parse(JsonElement method, out ImmutableArray<MethodError> errors, string path = "$.method")
    {
        var found = ImmutableArray.CreateBuilder<MethodError>();
        var parsed = Parse(method, path, found);
        errors = found.ToImmutable();
        return errors.IsEmpty ? parsed : null;
    }

    static MergeMethod? Parse(JsonElement method, string path, ImmutableArray<MethodError>.Builder errors)
    {
        var names = string.Join(", ", Types.Keys);
        if (!TryRead<Dictionary<string, JsonElement>>(method, out var members)
            || !members.Remove("name", out var json)
            || !TryRead<string>(json, out var name))
        {
            errors.Add(new($"{path}.name", $"A method is an object with a name. Allowed: {names}."));
            return null;
        }
        if (!Types.TryGetValue(name, out var type))
        {
            errors.Add(new($"{path}.name", $"There is no method '{name}'. Allowed: {names}."));
            return null;
        }

        var parsed = (MergeMethod)Activator.CreateInstance(type)!;
        var parameters = Parameters(type).ToDictionary(NameOf);
        foreach (var (member, value) in members)
        {
            if (parameters.TryGetValue(member, out var parameter))
                Set(parsed, parameter, value, $"{path}.{member}", errors);
            else
                errors.Add(
                    new($"{path}.{member}", $"'{name}' has no such parameter. Allowed: {string.Join(", ", parameters.Keys.Prepend("name"))}."));
        }
        return parsed;
    }

    static void Set(MergeMethod method, PropertyInfo parameter, JsonElement json, string path, ImmutableArray<MethodError>.Builder errors)
    {
        if (TryRead(json, parameter.PropertyType, out var value)
            && parameter.GetCustomAttributes<ValidationAttribute>().All(rule => rule.IsValid(value)))
            parameter.SetValue(method, value);
        else
            errors.Add(new(path, $"{Excerpt(json)} is not allowed. Allowed: {JsonType(parameter)}, {RangeOf(parameter) ?? "not empty"}."));
    }

    static bool TryRead<T>(JsonElement json, [NotNullWhen(true)] out T? value)
        where T : class
    {
        var read = TryRead(json, typeof(T), out var boxed);
        value = (T?)boxed;
        return read;
    }

    static bool TryRead(JsonElement json, Type type, [NotNullWhen(true)] out object? value)
    {
        try
        {
            value = json.Deserialize(type, Strict);
            // The converter also takes other letter case and lists such as "mean, sum".
            return value is not null && (value is not Enum choice || json.ValueEquals(NameOf(choice)));
        }
        catch (JsonException)
        {
            value = null;
            return false;
        }
    }

    static MethodDescription Describe(string name, Type type)
    {
        var defaults = Activator.CreateInstance(type);
        return new MethodDescription(name, SummaryOf(type), [.. Parameters(type).Select(parameter =>
        {
            var range = parameter.GetCustomAttribute<RangeAttribute>();
            return new MethodParameter(
                NameOf(parameter), SummaryOf(parameter), JsonType(parameter), DefaultOf(parameter, defaults), RangeOf(parameter),
                range is null ? null : Convert.ToDouble(range.Minimum, CultureInfo.InvariantCulture),
                range is null ? null : Convert.ToDouble(range.Maximum, CultureInfo.InvariantCulture),
                Choices(parameter));
        })]);
    }

    static IEnumerable<PropertyInfo> Parameters(Type type) =>
        type.GetProperties().Where(property => property.CanWrite).OrderBy(NameOf, StringComparer.Ordinal);

    static string NameOf(PropertyInfo parameter) => JsonNamingPolicy.CamelCase.ConvertName(parameter.Name);

    static string SummaryOf(MemberInfo member) => member.GetCustomAttribute<DescriptionAttribute>()?.Description
        ?? throw new InvalidOperationException($"{member.Name} needs a [Description]: it is part of the public contract.");

    static object? DefaultOf(PropertyInfo parameter, object? defaults) =>
        parameter.GetValue(defaults) switch { Enum choice => NameOf(choice), var value => value };

    static ImmutableArray<string> Choices(PropertyInfo parameter) =>
        parameter.PropertyType.IsEnum ? [.. Enum.GetValues(parameter.PropertyType).Cast<Enum>().Select(NameOf)] : [];

    static string NameOf(Enum choice) => JsonSerializer.SerializeToElement(choice, choice.GetType(), Strict).GetString()!;

    static string JsonType(PropertyInfo parameter) => parameter.PropertyType.IsEnum ? "string" : Type.GetTypeCode(parameter.PropertyType) switch
    {
        TypeCode.Double => "number",
        TypeCode.Int32 => "integer",
        TypeCode.Boolean => "boolean",
        TypeCode.String => "string",
        var other => throw new InvalidOperationException($"Parameter {parameter.Name} has type {other}, which recipes do not know."),
    };

    static string? RangeOf(PropertyInfo parameter)
    {
        if (Choices(parameter) is { IsEmpty: false } choices)
            return $"one of {string.Join(", ", choices)}";
        if (parameter.GetCustomAttribute<RangeAttribute>() is not { } range)
            return null;
        var (above, below) = (range.MinimumIsExclusive ? "above " : "", range.MaximumIsExclusive ? "below " : "");
        return string.Create(CultureInfo.InvariantCulture, $"{above}{range.Minimum} to {below}{range.Maximum}");
    }

    static string Excerpt(JsonElement json) => json.GetRawText() is { Length: > 40 } text ? $"{text[..40]}…" : json.GetRawText();
}
