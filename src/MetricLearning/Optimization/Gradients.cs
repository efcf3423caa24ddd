using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Drops gradients: afterwards a parameter has none, and an optimizer leaves it as it is. Zeros would not do that: momentum and
/// weight decay still move a parameter whose gradient is zero.</summary>
internal static class Gradients
{
    /// <summary>Refuses gradients that an operation cannot read.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="user">What needs dense gradients, for the message.</param>
    /// <exception cref="NotSupportedException">A gradient is sparse.</exception>
    public static void RequireDense(IReadOnlyList<Parameter> parameters, string user)
    {
        for (var place = 0; place < parameters.Count; place++)
        {
            using var gradient = parameters[place].grad;
            if (gradient is { is_sparse: true }) throw new NotSupportedException(string.Create(CultureInfo.InvariantCulture,
                $"{user} needs dense gradients, but that of parameter {place}, {Guard.Shape(parameters[place])}, is sparse: make the ")
                + "embedding with sparse: false.");
        }
    }

    /// <summary>The parameters whose gradients an operation changes, each once. A list that is put together from a model and its losses may
    /// hold a parameter twice, but its gradient must be changed once.</summary>
    /// <param name="parameters">The parameters that were given.</param>
    /// <exception cref="ArgumentNullException">The parameters are null.</exception>
    /// <exception cref="ArgumentException">A parameter is null or has been disposed.</exception>
    public static Parameter[] Owners(IEnumerable<Parameter> parameters)
    {
        var all = Guard.Items(parameters);
        var place = Array.FindIndex(all, parameter => parameter.IsInvalid);
        if (place >= 0) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"parameters must be in use, but the one at place {place} has been disposed."), nameof(parameters));
        return [.. all.Distinct(ReferenceEqualityComparer.Instance).Cast<Parameter>()];
    }

    /// <summary>Refuses parameters that have been disposed. A model that is moved to another device or type disposes its own.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="holder">What holds them, for the message.</param>
    /// <exception cref="ObjectDisposedException">A parameter has been disposed.</exception>
    public static void RequireAlive(IEnumerable<Parameter> parameters, string holder)
    {
        if (parameters.Any(parameter => parameter.IsInvalid)) throw new ObjectDisposedException(holder, $"A parameter of {holder} has been "
            + $"disposed. A model that is moved to another device or type gets new parameters: make {holder} after the move.");
    }

    public static void Drop(IEnumerable<Parameter> parameters)
    {
        foreach (var parameter in parameters)
        {
            using var gradient = parameter.grad;
            if (gradient is not null) parameter.grad = null;
        }
    }

    /// <summary>Drops also the gradients of classes that <see cref="SampledClasses"/> has drawn.</summary>
    public static void Drop(nn.Module module)
    {
        Drop(module.parameters());
        foreach (var sampled in module.modules().OfType<SampledClasses>()) sampled.DiscardGradients();
    }
}
