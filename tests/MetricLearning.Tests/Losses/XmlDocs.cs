using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MetricLearning.Tests;

/// <summary>Reads the documentation of a type of the library.</summary>
internal static partial class XmlDocs
{
    private static readonly Dictionary<string, string> texts = XDocument
        .Load(Path.Combine(AppContext.BaseDirectory, "MetricLearning.xml")).Descendants("member")
        .Where(member => member.Attribute("name")!.Value.StartsWith("T:", StringComparison.Ordinal))
        .ToDictionary(member => member.Attribute("name")!.Value[2..], member => Space().Replace(member.Value, " "));

    /// <summary>The summary and the remarks of a type, without those of its base types.</summary>
    public static string Of(Type type) => texts[type.FullName!];

    /// <summary>The documentation of a type from its sentence on thread safety on, or that of its nearest base that has such a
    /// sentence.</summary>
    public static string ThreadSafety(Type type)
    {
        const string mark = "Thread safety: ";
        for (var at = type; at is not null && texts.ContainsKey(at.FullName!); at = at.BaseType)
            if (Of(at).IndexOf(mark, StringComparison.Ordinal) is >= 0 and var start) return Of(at)[(start + mark.Length)..];
        throw new InvalidOperationException($"{type.Name} does not say which threads may use it.");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
