using System.Reflection;
using System.Text.RegularExpressions;

namespace MetricLearning.Tests;

/// <summary>Finds names in documentation that the library does not have.</summary>
internal static partial class CodeNames
{
    /// <summary>The types of the libraries, of TorchSharp, and those of MathNet.Numerics that pages name; of two with one name, that of the
    /// first library.</summary>
    private static readonly Dictionary<string, Type> types =
        new[] { typeof(MetricLoss), typeof(Vision.ImageList), typeof(Search.ExactIndex<>), typeof(TorchSharp.torch) }
            .SelectMany(type => type.Assembly.GetExportedTypes()).Append(typeof(MathNet.Numerics.Statistics.Correlation))
            .DistinctBy(NameOf).ToDictionary(NameOf);

    private static readonly HashSet<string> members = [.. types.Values.SelectMany(type => type.GetMembers()).Select(member => member.Name)];

    private static readonly HashSet<string> parameters =
    [
        .. types.Values.SelectMany(type => type.GetConstructors().Cast<MethodBase>().Concat(type.GetMethods()))
            .SelectMany(method => method.GetParameters())
            .Select(parameter => parameter.Name!),
    ];

    /// <summary>
    /// Finds the names in code that the library does not have: a member after a dot that its type lacks, a capitalized name that is neither
    /// a type nor a member, and a named argument that no method has.
    /// </summary>
    public static IEnumerable<string> Unknown(string code)
    {
        code = Quoted().Replace(code, "");
        foreach (Match match in Name().Matches(code))
        {
            var (before, name) = (match.Groups[1].Value, match.Groups[2].Value);
            if (name.Length == 1) continue; // P, K, C and D stand for numbers
            var known = types.TryGetValue(before, out var type) ? type.GetMember(name, AllMembers).Length > 0
                : types.ContainsKey(name) || members.Contains(name) || name == nameof(TorchSharp);
            if (!known) yield return match.Value;
        }
        foreach (Match match in NamedArgument().Matches(code))
            if (!parameters.Contains(match.Groups[1].Value)) yield return match.Value;
    }

    private static string NameOf(Type type) => type.Name.Split('`')[0];

    private const BindingFlags AllMembers = BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance
        | BindingFlags.FlattenHierarchy;

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"(?:\b(\w+)(?:\([^()]*\))?\.|\b)([A-Z]\w*)")]
    private static partial Regex Name();

    [GeneratedRegex(@"\b([a-z]\w*): ")]
    private static partial Regex NamedArgument();
}
