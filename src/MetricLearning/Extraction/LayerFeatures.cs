using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What any layer of a model gives, by the layer's dotted name, such as <c>backbone.conv4</c> or <c>fc</c>.</summary>
/// <remarks>
/// The model runs in eval mode and without gradient, and is left as it was: hooks are removed and modes restored even if it fails. Works
/// for layers that take a tensor, give a tensor and are invoked by <c>.call(x)</c>. Of a layer that runs several times the last output
/// counts.
/// </remarks>
public static class LayerFeatures
{
    /// <summary>The names of all layers whose features can be taken, outer ones first.</summary>
    public static IReadOnlyList<string> Names(nn.Module model) => [.. Layers(model).Select(layer => layer.Name)];

    /// <summary>The output of one layer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">What the model takes, such as images [N, 3, H, W].</param>
    /// <param name="layer">The layer's dotted name.</param>
    /// <returns>A copy of the layer's output, in the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">There is no such layer; the message lists names like it.</exception>
    /// <exception cref="InvalidOperationException">The model did not run the layer.</exception>
    public static Tensor Of<TResult>(nn.Module<Tensor, TResult> model, Tensor input, string layer)
    {
        ArgumentException.ThrowIfNullOrEmpty(layer);
        return Of(model, input, [layer])[layer];
    }

    /// <summary>The outputs of several layers, from one run.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">What the model takes, such as images [N, 3, H, W].</param>
    /// <param name="layers">The layers' dotted names.</param>
    /// <returns>A copy of each layer's output by its name, in the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">There is no such layer; the message lists names like it.</exception>
    /// <exception cref="InvalidOperationException">The model did not run a layer.</exception>
    public static IReadOnlyDictionary<string, Tensor> Of<TResult>(nn.Module<Tensor, TResult> model, Tensor input,
        IReadOnlyCollection<string> layers)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(layers);
        var known = Known(model, layers);

        var outputs = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        using var mode = new EvaluationMode(model);
        using var scope = NewDisposeScope();
        var removers = new List<Action>();
        try
        {
            foreach (var name in layers.Distinct(StringComparer.Ordinal))
                removers.Add(known[name].register_forward_hook((_, _, output) =>
                {
                    // A copy, because the next layer may work in place. It outlives the scopes that the layers open.
                    if (outputs.Remove(name, out var earlier)) earlier.Dispose();
                    outputs[name] = output.clone().DetachFromDisposeScope();
                    return output;
                }).remove);
            model.call(input);
            foreach (var name in layers)
                if (!outputs.ContainsKey(name)) throw new InvalidOperationException(
                    $"The model did not run the layer '{name}' (or ran it by forward, not by call).");
        }
        catch
        {
            foreach (var output in outputs.Values) output.Dispose();
            throw;
        }
        finally
        {
            foreach (var remove in removers) remove();
        }
        scope.Attach(outputs.Values);
        scope.MoveToOuter(outputs.Values);
        return outputs;
    }

    /// <summary>Throws where there is no such layer.</summary>
    internal static void Check(nn.Module model, string layer) => Known(model, [layer]);

    private static Dictionary<string, nn.Module<Tensor, Tensor>> Known(nn.Module model, IReadOnlyCollection<string> layers)
    {
        var known = Layers(model).ToDictionary(layer => layer.Name, layer => layer.Layer, StringComparer.Ordinal);
        foreach (var layer in layers)
            if (!known.ContainsKey(layer))
                throw new ArgumentException($"There is no layer '{layer}'. {NearNames.Describe(layer, known.Keys)}", nameof(layers));
        return known;
    }

    private static IEnumerable<(string Name, nn.Module<Tensor, Tensor> Layer)> Layers(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.named_modules().Where(named => named.name.Length > 0 && named.module is nn.Module<Tensor, Tensor>)
            .Select(named => (named.name, (nn.Module<Tensor, Tensor>)named.module));
    }
}
