using System.Reflection;
using System.Xml.Linq;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests what the documentation of every public type must say. It reads the XML files that the packages ship.</summary>
public class DocumentationTests
{
    private static readonly Lazy<Dictionary<string, XElement>> members = new(() => PublicTypes.Libraries
        .Select(library => Path.ChangeExtension(library.Location, ".xml")).SelectMany(file => XDocument.Load(file).Descendants("member"))
        .ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal));

    [Fact]
    public void EveryType_StatesItsThreadSafety() => Faults.None(from type in PublicTypes.All
        where !type.IsEnum && !type.IsInterface && !type.IsSubclassOf(typeof(Delegate))
        where !Lineage(type).Any(ancestor => Document(ancestor)?.Value.Contains("Thread safety:", StringComparison.Ordinal) == true)
        select $"{type.FullName} does not say how many threads may use it (\"Thread safety: ...\")");

    /// <summary>The names of most constructors are found, so a name that is wrong here does not hide one.</summary>
    [Fact]
    public void NamesOfConstructors_AreThoseOfTheCompiler()
    {
        var written = members.Value.Keys.Where(name => name.Contains(".#ctor(", StringComparison.Ordinal)).ToHashSet();
        var read = PublicTypes.All.SelectMany(type => type.GetConstructors(BindingFlags.Instance | BindingFlags.Public
            | BindingFlags.NonPublic)).Select(NameOf).ToHashSet();
        Assert.NotEmpty(written);
        Faults.None(written.Where(name => PublicTypes.All.Any(type => name.StartsWith($"M:{NameOf(type)}.#ctor", StringComparison.Ordinal)))
            .Except(read));
    }

    /// <summary>The documentation of a constructor that refuses values, or that of its type, names the exception. A primary constructor has
    /// only that of the type.</summary>
    [Fact]
    public void EveryConstructorThatRefusesValues_SaysWhatItThrows() => Faults.None(from type in PublicTypes.Constructible
        where !SettingTests.Results.Contains(type)
        from constructor in type.GetConstructors()
        where SettingTests.CanBeRefused(constructor) && !Says(constructor, "exception")
        select $"{type.FullName}({string.Join(", ", constructor.GetParameters().Select(parameter => parameter.Name))}) documents no "
            + $"exception");

    /// <summary>The documentation of an optional parameter states its default, or says what null means.</summary>
    [Fact]
    public void EveryOptionalParameter_StatesItsDefault()
    {
        var documented = (from type in PublicTypes.All
            from method in type.GetConstructors().Concat<MethodBase>(type.GetMethods(BindingFlags.Instance | BindingFlags.Static
                | BindingFlags.Public | BindingFlags.DeclaredOnly))
            from parameter in method.GetParameters()
            where parameter.HasDefaultValue && parameter.ParameterType != typeof(CancellationToken)
            let text = (members.Value.GetValueOrDefault(NameOf(method)) ?? (method.IsConstructor ? Document(type) : null))
                ?.Elements("param").FirstOrDefault(element => element.Attribute("name")!.Value == parameter.Name)?.Value
            where text is not null
            select (Name: $"{type.FullName}.{method.Name}: {parameter.Name}", Text: text)).ToList();
        Assert.NotEmpty(documented);
        Faults.None(documented.Where(parameter => !parameter.Text.Contains("efault", StringComparison.Ordinal)
            && !parameter.Text.Contains("ull", StringComparison.Ordinal)).Select(parameter => $"{parameter.Name}: {parameter.Text}"));
    }

    /// <summary>The shipped files document only the public API.</summary>
    [Fact]
    public void NoInternalType_IsInTheShippedFiles()
    {
        var known = PublicTypes.Libraries.SelectMany(library => library.GetExportedTypes()).Select(type => type.FullName!.Replace('+', '.'))
            .ToHashSet(StringComparer.Ordinal);
        Faults.None(members.Value.Keys.Where(name => name.StartsWith("T:", StringComparison.Ordinal) && !known.Contains(name[2..])));
    }

    private static bool Says(ConstructorInfo constructor, string element) =>
        Says(members.Value.GetValueOrDefault(NameOf(constructor)), element)
        || Document(constructor.DeclaringType!)?.Element(element) is not null;

    /// <summary>Whether a documentation has an element, or takes it over from another one.</summary>
    private static bool Says(XElement? member, string element) => member is not null && (member.Element(element) is not null
        || member.Elements("inheritdoc").Where(other => other.Attribute("path")?.Value is not { } path || path.StartsWith($"/{element}",
            StringComparison.Ordinal)).Any(other => Says(members.Value.GetValueOrDefault($"{other.Attribute("cref")?.Value}"), element)));

    /// <summary>The XML name of a constructor or of a method.</summary>
    private static string NameOf(MethodBase method)
    {
        var name = method.IsConstructor ? "#ctor" : method.IsGenericMethod ? $"{method.Name}``{method.GetGenericArguments().Length}"
            : method.Name;
        return $"M:{NameOf(method.DeclaringType!)}.{name}"
            + $"({string.Join(',', method.GetParameters().Select(parameter => NameOf(parameter.ParameterType)))})";
    }

    /// <summary>The name of a type in XML names, such as <c>System.Collections.Generic.List{System.Int32}</c>.</summary>
    private static string NameOf(Type type)
    {
        if (type.IsArray) return $"{NameOf(type.GetElementType()!)}[]";
        if (type.IsByRef) return $"{NameOf(type.GetElementType()!)}@";
        if (type.IsGenericTypeParameter) return $"`{type.GenericParameterPosition}";
        if (type.IsGenericMethodParameter) return $"``{type.GenericParameterPosition}";
        if (!type.IsConstructedGenericType) return type.FullName!.Replace('+', '.');
        var name = NameOf(type.GetGenericTypeDefinition());
        return $"{name[..name.IndexOf('`', StringComparison.Ordinal)]}{{{string.Join(',', type.GenericTypeArguments.Select(NameOf))}}}";
    }

    private static XElement? Document(Type type) => members.Value.GetValueOrDefault($"T:{NameOf(type)}");

    private static IEnumerable<Type> Lineage(Type? type)
    {
        for (; type is not null; type = type.BaseType)
            yield return type.IsGenericType ? type.GetGenericTypeDefinition() : type;
    }
}
