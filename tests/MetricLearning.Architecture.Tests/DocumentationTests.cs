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

    /// <summary>The documentation of a constructor that refuses values, or that of its type, names the exception. A primary constructor has
    /// only that of the type.</summary>
    [Fact]
    public void EveryConstructorThatRefusesValues_SaysWhatItThrows() => Faults.None(from type in PublicTypes.Constructible
        where !SettingTests.Results.Contains(type)
        from constructor in type.GetConstructors()
        where SettingTests.CanBeRefused(constructor) && !Says(constructor, "exception")
        select $"{type.FullName}({string.Join(", ", constructor.GetParameters().Select(parameter => parameter.Name))}) documents no "
            + $"exception");

    /// <summary>The shipped files document only the public API.</summary>
    [Fact]
    public void NoInternalType_IsInTheShippedFiles()
    {
        var known = PublicTypes.Libraries.SelectMany(library => library.GetExportedTypes()).Select(type => type.FullName!.Replace('+', '.'))
            .ToHashSet(StringComparer.Ordinal);
        Faults.None(members.Value.Keys.Where(name => name.StartsWith("T:", StringComparison.Ordinal) && !known.Contains(name[2..])));
    }

    private static bool Says(ConstructorInfo constructor, string element) =>
        members.Value.Any(member => Is(constructor, member.Key) && member.Value.Element(element) is not null)
        || Document(constructor.DeclaringType!)?.Element(element) is not null;

    /// <summary>Whether an XML name is that of a constructor: it has the same type and the same number of parameters.</summary>
    private static bool Is(ConstructorInfo constructor, string name)
    {
        var start = $"M:{constructor.DeclaringType!.FullName}.#ctor(";
        return name.StartsWith(start, StringComparison.Ordinal) && Arguments(name[start.Length..^1]) == constructor.GetParameters().Length;
    }

    /// <summary>The number of parameters in an XML name, in which generic arguments and tuples have commas of their own.</summary>
    private static int Arguments(string list)
    {
        var (depth, count) = (0, 1);
        foreach (var c in list)
        {
            if (c is '{' or '(' or '[') depth++;
            if (c is '}' or ')' or ']') depth--;
            if (c == ',' && depth == 0) count++;
        }
        return count;
    }

    private static XElement? Document(Type type) => members.Value.GetValueOrDefault($"T:{type.FullName}");

    private static IEnumerable<Type> Lineage(Type? type)
    {
        for (; type is not null; type = type.BaseType)
            yield return type.IsGenericType ? type.GetGenericTypeDefinition() : type;
    }
}
