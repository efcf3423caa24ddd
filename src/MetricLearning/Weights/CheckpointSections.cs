using System.Globalization;

namespace MetricLearning;

/// <summary>Finds the dictionaries with tensors in a PyTorch file, at any depth, and the modules that were saved whole.</summary>
internal sealed class CheckpointSections
{
    private const int Deepest = 32;
    private const int PlaceCost = 64;

    /// <summary>A place in the file: a value, and the path to it.</summary>
    private sealed record Place(object Value, Place? Parent, string Part, int Depth)
    {
        /// <summary>The number of tensors, except single numbers, that this dictionary holds directly.</summary>
        public int Arrays { get; set; }

        public IEnumerable<string> Parts
        {
            get
            {
                for (var place = this; place.Parent is not null; place = place.Parent) yield return place.Part;
            }
        }
    }

    private readonly object? root;
    private readonly MemoryBudget budget;
    private readonly List<StoredSection> sections = [];

    public CheckpointSections(object? root, MemoryBudget budget)
    {
        (this.root, this.budget) = (root, budget);
        Find();
    }

    /// <summary>All of them, in the file's order.</summary>
    public IReadOnlyList<StoredSection> All => sections;

    /// <summary>The section of that path; the best one for null.</summary>
    /// <exception cref="InvalidDataException">There is none, or no best one.</exception>
    public StoredSection Choose(string? path)
    {
        if (sections.Count == 0) throw Invalid(WithoutTensors());
        return Section.Choose(sections, path, out var problem) ?? throw Invalid(problem);
    }

    /// <summary>Describes a file that has no tensors by name.</summary>
    private string WithoutTensors() => root switch
    {
        Pickle.Dictionary { Items.Count: 0 } => "it holds an empty dictionary",
        Pickle.Dictionary { Items: var items } when items.Any(item => TensorValue.Of(item.Value) is not null) =>
            "its tensors have no names: the keys of its dictionary are not texts. Save them under names",
        Pickle.Dictionary { Items: var items } => (items.Any(item => IsOfArrays(item.Value))
            ? "it holds arrays of NumPy in place of tensors: save torch.from_numpy of each. It has "
            : "no dictionary in it holds tensors; it has ")
            + $"{string.Join(", ", items.Take(20).Select(Describe))}. Nothing of it was run",
        Pickle.Object { Kind.Module: var module } when module.StartsWith("__torch__", StringComparison.Ordinal) =>
            "it is TorchScript whose weights have no names, as torch.jit.freeze leaves it: save the module before it is frozen",
        _ when TensorValue.Of(root) is not null => "it holds one tensor without a name: save it in a dictionary, {'name': tensor}",
        List<object?> or Pickle.Tuple => "it holds a list without a dictionary of tensors: save the tensors in a dictionary, by name",
        _ => "its outermost object is not a dictionary of tensors",
    };

    private static bool IsOfArrays(object? value) => value switch
    {
        Pickle.Object { Kind: { Module: "numpy.core.multiarray" or "numpy._core.multiarray", Name: "_reconstruct" } } => true,
        Pickle.Dictionary { Items: var items } => items.Any(item => item.Value is Pickle.Object && IsOfArrays(item.Value)),
        _ => false,
    };

    private static string Describe(KeyValuePair<object?, object?> item) => item.Value switch
    {
        Pickle.Object { Kind: { } kind } => $"{item.Key} (of {kind})",
        Pickle.Global kind => $"{item.Key} (of {kind})",
        _ => $"{item.Key}",
    };

    private void Find()
    {
        if (root is null) return;
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var open = new Stack<Place>([new Place(root, null, "", 0)]);
        while (open.TryPop(out var place))
        {
            if (place.Depth > Deepest || !seen.Add(place.Value)) continue;
            var children = Children(place);
            budget.Spend(PlaceCost * (1L + children.Count));
            // A stack: the last child first, so that sections come in the file's order.
            foreach (var child in Enumerable.Reverse(children)) open.Push(child);
        }
    }

    /// <summary>Records the tensors of a place as a section, if it has any, and returns the places within it.</summary>
    private List<Place> Children(Place place)
    {
        switch (place.Value)
        {
            case Pickle.Dictionary dictionary: return Entries(place, dictionary);
            case List<object?> list: return Elements(place, list);
            case Pickle.Tuple tuple: return Elements(place, tuple.Items);
            case Pickle.Object made when StoredModule.Is(made):
                Add(place, StoredModule.Tensors(made, budget));
                return [];
            case Pickle.Object made:
                // A class that is not known: a kind of dictionary or list, or an object with attributes, all at the object's own path.
                object?[] parts = [made.Entries, made.Elements, made.State, .. made.Arguments];
                return [.. parts.Where(IsContainer).Select(part => place with { Value = part! })];
            default: return [];
        }
    }

    private List<Place> Entries(Place place, Pickle.Dictionary dictionary)
    {
        List<(string, TensorValue)> tensors = [];
        List<Place> inner = [];
        foreach (var (key, value) in dictionary.Items)
        {
            var name = key switch
            {
                string text => text,
                long number => number.ToString(CultureInfo.InvariantCulture),
                _ => "?",
            };
            if (TensorValue.Of(value) is not { } tensor)
            {
                if (IsContainer(value)) inner.Add(new Place(value!, place, name, place.Depth + 1));
            }
            else if (key is string) tensors.Add((name, tensor));
        }
        Add(place, tensors);
        return inner;
    }

    private static List<Place> Elements(Place place, IReadOnlyList<object?> items)
    {
        List<Place> inner = [];
        for (var i = 0; i < items.Count; i++)
            if (IsContainer(items[i])) inner.Add(
                new Place(items[i]!, place, i.ToString(CultureInfo.InvariantCulture), place.Depth + 1));
        return inner;
    }

    private static bool IsContainer(object? value) => value is Pickle.Dictionary or List<object?> or Pickle.Tuple or Pickle.Object;

    private void Add(Place place, List<(string Name, TensorValue Tensor)> tensors)
    {
        if (tensors.Count == 0) return;
        var parts = place.Parts.Reverse().ToList();
        budget.Spend(512 + 2L * parts.Sum(part => part.Length) + 64L * tensors.Count);
        var section = new StoredSection(string.Join('.', parts), place.Depth, tensors)
        {
            Name = place.Part,
            IsOfOptimizer = parts.Any(part => part.Contains("optim", StringComparison.OrdinalIgnoreCase)),
            Arrays = tensors.Count(named => named.Tensor is not StoredTensor { Shape.Length: 0 }),
            ArraysBeside = place.Parent?.Arrays ?? 0,
        };
        place.Arrays = section.Arrays;
        sections.Add(section);
    }

    private static InvalidDataException Invalid(string what) =>
        new($"Not a PyTorch file that can be read: {MessageText.Message(what)}.");
}
