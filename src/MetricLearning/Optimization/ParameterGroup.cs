using TorchSharp.Modules;

namespace MetricLearning;

/// <summary>Parameters of a model that are trained alike.</summary>
/// <param name="Name">The common prefix of their names; empty for all other parameters.</param>
/// <param name="Parameters">The parameters, in the model's order.</param>
/// <remarks>Thread safety: immutable except for the parameters; any number of threads may read it at once.</remarks>
/// <exception cref="ArgumentNullException">A value is null.</exception>
/// <exception cref="ArgumentException">A parameter is null.</exception>
public sealed record ParameterGroup(string Name, IReadOnlyList<Parameter> Parameters)
{
    /// <summary>The common prefix of their names; empty for all other parameters.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public string Name { get; init => field = Guard.NotNull(value); } = Guard.NotNull(Name);

    /// <summary>The parameters, in the model's order.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    /// <exception cref="ArgumentException">A parameter is null.</exception>
    public IReadOnlyList<Parameter> Parameters { get; init => field = Guard.Items(value); } = Guard.Items(Parameters);

    /// <summary>The parameters of a model by the beginning of their names, each in one group. Parameters that no prefix names come last, in
    /// a group with an empty name; it is left out if it is empty.</summary>
    /// <remarks>
    /// <code>
    /// var groups = ParameterGroup.ByPrefix(model, "backbone");
    /// using var optimizer = optim.Adam([.. groups.Select(group =&gt; new Adam.ParamGroup(group.Parameters,
    ///     lr: group.Name == "backbone" ? 3.5e-5 : 3.5e-4, weight_decay: 5e-4))]);
    /// </code>
    /// A schedule multiplies each group's own rate.
    /// </remarks>
    /// <param name="model">The model.</param>
    /// <param name="prefixes">Dotted names of modules or parameters, such as <c>backbone</c> or <c>backbone.layer4</c>. If two fit, the
    /// longer one counts.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A prefix names no parameter, or is given twice; the message lists names like it.</exception>
    public static IReadOnlyList<ParameterGroup> ByPrefix(TorchSharp.torch.nn.Module model, params IReadOnlyList<string> prefixes)
    {
        ArgumentNullException.ThrowIfNull(model);
        NamedParts.Check(model, prefixes);
        var longestFirst = prefixes.OrderByDescending(prefix => prefix.Length).ToList();
        var groups = model.named_parameters()
            .ToLookup(entry => longestFirst.Find(prefix => NamedParts.IsIn(entry.name, prefix)) ?? "", entry => entry.parameter);
        return [.. prefixes.Append("").Where(groups.Contains).Select(prefix => new ParameterGroup(prefix, [.. groups[prefix]]))];
    }

    /// <summary>The parameters of a model in two groups: matrices and kernels, named <c>weights</c>, and those of one dimension (biases,
    /// norms), named <c>biases</c>, which many recipes train without weight decay or at another rate. Empty groups are left out.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    public static IReadOnlyList<ParameterGroup> ByDimension(TorchSharp.torch.nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.parameters().GroupBy(parameter => parameter.dim() > 1)
            .OrderByDescending(group => group.Key)
            .Select(group => new ParameterGroup(group.Key ? "weights" : "biases", [.. group]))];
    }
}
