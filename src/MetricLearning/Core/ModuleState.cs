using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads the state of a module that is about to be saved or loaded. A disposed module has an empty state. It must not replace a
/// good file, and no file must be blamed for it.</summary>
internal static class ModuleState
{
    /// <summary>Returns the parameters and buffers of a module, by name. The caller has a dispose scope open.</summary>
    /// <param name="module">The module.</param>
    /// <param name="least">The number of tensors that the module has at least, while it is in use.</param>
    /// <exception cref="ObjectDisposedException">The module has fewer, so it has been disposed.</exception>
    public static Dictionary<string, Tensor> Of(nn.Module module, int least = 1)
    {
        var state = module.state_dict();
        if (state.Count < least) throw new ObjectDisposedException(module.GetName(),
            $"{module.GetName()} has {state.Count} parameters and buffers instead of {least} or more, because it has been disposed.");
        Guard.InUse(module);        // its count does not tell if there were no tensors when it was counted
        return state;
    }
}
