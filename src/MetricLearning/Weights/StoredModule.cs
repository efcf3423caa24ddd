namespace MetricLearning;

/// <summary>The state dict of a module that was saved whole, by <c>torch.save(model)</c> or as TorchScript.</summary>
internal static class StoredModule
{
    private const int Deepest = 64;
    private const int NameCost = 96;

    /// <summary>Whether an object is a module.</summary>
    public static bool Is(Pickle.Object made) => made.State is Pickle.Dictionary state
        && (IsScripted(made) || (Named(state, "_parameters") is not null && Named(state, "_modules") is not null));

    /// <summary>Its parameters and buffers by dotted names, as <c>state_dict()</c> has them.</summary>
    /// <exception cref="InvalidDataException">The budget does not suffice.</exception>
    public static List<(string Name, TensorValue Tensor)> Tensors(Pickle.Object module, MemoryBudget budget)
    {
        List<(string, TensorValue)> tensors = [];
        Add(module, "", 0);
        return tensors;

        void Add(Pickle.Object made, string prefix, int depth)
        {
            if (made.State is not Pickle.Dictionary state || depth > Deepest) return;
            if (IsScripted(made))
            {
                AddTensors(state, prefix, []);
                AddModules(state, prefix, depth);
                return;
            }
            if (Named(state, "_parameters") is { } parameters) AddTensors(parameters, prefix, []);
            if (Named(state, "_buffers") is { } buffers) AddTensors(buffers, prefix, NotSaved(state["_non_persistent_buffers_set"]));
            if (Named(state, "_modules") is { } modules) AddModules(modules, prefix, depth);
        }

        void AddTensors(Pickle.Dictionary named, string prefix, HashSet<string> left)
        {
            foreach (var (key, value) in named.Items)
                if (key is string name && !left.Contains(name) && TensorValue.Of(value) is { } tensor)
                {
                    budget.Spend(NameCost + 2L * (prefix.Length + name.Length));
                    tensors.Add((prefix + name, tensor));
                }
        }

        void AddModules(Pickle.Dictionary named, string prefix, int depth)
        {
            foreach (var (key, value) in named.Items)
                if (key is string name && value is Pickle.Object inner && TensorValue.Of(inner) is null)
                {
                    budget.Spend(NameCost + 2L * (prefix.Length + name.Length));
                    Add(inner, $"{prefix}{name}.", depth + 1);
                }
        }
    }

    /// <summary>TorchScript's classes lie in a module of their own, and have parameters, buffers and modules as plain attributes.</summary>
    private static bool IsScripted(Pickle.Object made) =>
        made.Kind is { Module: var module } && (module == "__torch__" || module.StartsWith("__torch__.", StringComparison.Ordinal));

    private static Pickle.Dictionary? Named(Pickle.Dictionary state, string name) =>
        state[name] as Pickle.Dictionary ?? (state[name] as Pickle.Object)?.Entries;

    private static HashSet<string> NotSaved(object? set) => [.. set switch
    {
        List<object?> names => names.OfType<string>(),
        Pickle.Object { Arguments: [List<object?> names, ..] } => names.OfType<string>(),
        _ => [],
    }];
}
