using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Gets the output of any layer of a model by the layer's dotted name, such as <c>backbone.conv4</c> or <c>fc</c>.</summary>
/// <remarks>
/// <para>The model must be in evaluation mode; it runs without gradient. A layer is seen if it takes a tensor, returns a tensor, and is
/// invoked by <c>.call(x)</c> on the thread that runs the model. If a layer runs several times, the last output counts.</para>
/// <para>Thread safety: any number of threads may call this at once, also on one model and together with <c>Embed</c>,
/// <see cref="FeatureExtractor"/> and <see cref="ModelSummary"/>. Each gets the outputs of its own call. The first call for a model adds
/// one hook to each of its layers, which stays and does nothing by itself. During that first call no other thread may be inside
/// <c>model.call(x)</c>, because TorchSharp keeps hooks in a dictionary without a lock. If threads call the model directly, first make a
/// <see cref="FeatureExtractor"/> for a layer, or call this once, before they share the model.</para>
/// </remarks>
public static class LayerFeatures
{
    /// <summary>Lists the names of all layers whose output can be taken, outer ones first.</summary>
    /// <param name="model">The model.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    public static IReadOnlyList<string> Names(nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. LayerTaps.Layers(model).Select(layer => layer.Name)];
    }

    /// <summary>Computes the output of one layer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The model's input, such as images [N, 3, H, W].</param>
    /// <param name="layer">The layer's dotted name.</param>
    /// <returns>A copy of the layer's output, in the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">There is no such layer; the message lists names like it.</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode, or the model did not run the layer.</exception>
    public static Tensor Of<TResult>(nn.Module<Tensor, TResult> model, Tensor input, string layer)
    {
        ArgumentException.ThrowIfNullOrEmpty(layer);
        return Of(model, input, [layer])[layer];
    }

    /// <summary>Computes the outputs of several layers, in one run of the model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The model's input, such as images [N, 3, H, W].</param>
    /// <param name="layers">The layers' dotted names.</param>
    /// <returns>A copy of each layer's output by its name, in the caller's dispose scope.</returns>
    /// <exception cref="ArgumentException">There is no such layer; the message lists names like it.</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode, or the model did not run a layer.</exception>
    public static IReadOnlyDictionary<string, Tensor> Of<TResult>(nn.Module<Tensor, TResult> model, Tensor input,
        IReadOnlyCollection<string> layers)
    {
        ArgumentNullException.ThrowIfNull(model);
        Guard.Alive(input);
        ArgumentNullException.ThrowIfNull(layers);
        var known = Known(model, layers);
        EvaluationMode.Require(model);
        var namesOf = layers.Distinct(StringComparer.Ordinal).ToLookup(name => (nn.Module)known[name], ReferenceEqualityComparer.Instance);

        var outputs = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        try
        {
            LayerTaps.Call(model, input, Keep);
            foreach (var name in layers)
                if (!outputs.ContainsKey(name)) throw new InvalidOperationException(
                    $"The model did not run the layer '{name}' (or ran it by forward, not by call).");
        }
        catch
        {
            foreach (var output in outputs.Values) output.Dispose();
            throw;
        }
        scope.Attach(outputs.Values);
        scope.MoveToOuter(outputs.Values);
        return outputs;

        // A copy, because the next layer may work in place. It outlives the scopes that the layers open.
        void Keep(nn.Module layer, Tensor taken, Tensor output)
        {
            foreach (var name in namesOf[layer])
            {
                if (outputs.Remove(name, out var earlier)) earlier.Dispose();
                outputs[name] = output.clone().DetachFromDisposeScope();
            }
        }
    }

    /// <summary>Throws if there is no such layer; prepares the model's layers to be observed.</summary>
    internal static void Prepare(nn.Module model, string layer)
    {
        Known(model, [layer], nameof(layer));
        LayerTaps.AddTo(model);
    }

    private static Dictionary<string, nn.Module<Tensor, Tensor>> Known(nn.Module model, IReadOnlyCollection<string> layers,
        string name = "layers")
    {
        var known = LayerTaps.Layers(model).ToDictionary(layer => layer.Name, layer => layer.Layer, StringComparer.Ordinal);
        foreach (var layer in layers)
            if (!known.ContainsKey(layer))
                throw new ArgumentException($"There is no layer '{layer}'. {NearNames.Describe(layer, known.Keys)}", name);
        return known;
    }
}
