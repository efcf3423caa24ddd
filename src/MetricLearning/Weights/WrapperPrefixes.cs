using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the common prefix that prevents a file's names from fitting a model. Wrappers, compilers and training frameworks add such
/// prefixes (<c>module.</c>, <c>_orig_mod.</c>, <c>module.encoder_q.</c>, <c>student.backbone.</c>).</summary>
internal static class WrapperPrefixes
{
    private const string Backbone = "backbone.";
    private const int MostCandidates = 16;

    /// <summary>A change of names: the prefix that is removed, and what is put before the rest.</summary>
    private sealed record Change(string Prefix, string Home);

    /// <summary>The renaming after which the most tensors fit the model: no change, the removal of a prefix, the addition of
    /// <c>backbone.</c>, or both. Among equally good renamings, no change is preferred, then the first in the file.</summary>
    public static Func<string, string?> Find(IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor> state)
    {
        var shapes = state.ToDictionary(named => named.Key, named => named.Value.shape);
        var fitting = weights.ToDictionary(named => named.Key, named => named.Value.shape);
        var best = Candidates(fitting, shapes).Select(change => Rename(change, fitting, shapes))
            .MaxBy(names => (names.Count(name => Fits(name.Key, name.Value)), names.Count(name => shapes.ContainsKey(name.Value))))!;
        return name => best[name];

        bool Fits(string name, string target) =>
            shapes.TryGetValue(target, out var shape) && shape.AsSpan().SequenceEqual(fitting[name]);
    }

    /// <summary>No change, the model's backbone, and the changes that make the most single names fit.</summary>
    private static IEnumerable<Change> Candidates(Dictionary<string, long[]> weights, Dictionary<string, long[]> state)
    {
        var counts = new Dictionary<Change, int>();
        foreach (var (name, shape) in weights)
            for (var end = name.IndexOf('.', StringComparison.Ordinal); end >= 0; end = name.IndexOf('.', end + 1))
                foreach (var home in new[] { "", Backbone })
                    if (state.TryGetValue(home + name[(end + 1)..], out var own) && own.AsSpan().SequenceEqual(shape))
                    {
                        var change = new Change(name[..(end + 1)], home);
                        counts[change] = counts.GetValueOrDefault(change) + 1;
                    }
        // Sorting keeps the file's order among equals.
        var found = counts.OrderByDescending(change => change.Value).Take(MostCandidates).Select(change => change.Key);
        return new Change[] { new("", ""), new("", Backbone) }.Concat(found);
    }

    /// <summary>The new name of each. Names outside the wrapped part, such as a classifier next to <c>module.base.</c>, lose as much of the
    /// prefix as they have. A name that would become another's keeps its own.</summary>
    private static Dictionary<string, string> Rename(Change change, Dictionary<string, long[]> weights, Dictionary<string, long[]> state)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in weights.Keys.Where(name => name.StartsWith(change.Prefix, StringComparison.Ordinal)))
            Add(name, name[change.Prefix.Length..] is var rest && state.ContainsKey(rest) ? rest : change.Home + rest);
        foreach (var name in weights.Keys.Where(name => !names.ContainsKey(name)))
            Add(name, name[Shared(name, change.Prefix)..] is var rest && state.ContainsKey(change.Home + rest) ? change.Home + rest : rest);
        return names;

        void Add(string name, string target)
        {
            if (!taken.Add(target)) taken.Add(target = name);
            names.Add(name, target);
        }
    }

    /// <summary>The length of the whole parts that a name has in common with a prefix at its beginning.</summary>
    private static int Shared(string name, string prefix)
    {
        var length = 0;
        for (var dot = prefix.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = prefix.IndexOf('.', dot + 1))
            if (string.CompareOrdinal(name, 0, prefix, 0, dot + 1) == 0) length = dot + 1;
        return length;
    }
}
