using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Which freezes hold a parameter or a module. Freezes may overlap: parameters and modules that they share are released with the
/// last of them.</summary>
/// <remarks>Thread safety: any number of threads for different parameters and modules.</remarks>
internal static class Holds
{
    private static readonly ConditionalWeakTable<object, HashSet<StagedFreeze>> holders = [];

    /// <summary>Whether any freeze holds it.</summary>
    public static bool Any(object part) => holders.TryGetValue(part, out var freezes) && freezes.Count > 0;

    /// <summary>Freezes a parameter for this holder, and drops its gradient.</summary>
    public static void Freeze(Parameter parameter, StagedFreeze holder)
    {
        // If it takes gradients, the user has released it from all earlier holders.
        if (parameter.requires_grad) holders.Remove(parameter);
        holders.GetOrCreateValue(parameter).Add(holder);
        parameter.requires_grad_(false);
        Gradients.Drop([parameter]);
    }

    /// <summary>Puts a module into evaluation mode for this holder.</summary>
    public static void Freeze(nn.Module module, StagedFreeze holder)
    {
        holders.GetOrCreateValue(module).Add(holder);
        module.eval();
    }

    /// <summary>Ends the hold of this holder. Returns whether no other holds it.</summary>
    public static bool End(object part, StagedFreeze holder)
    {
        if (holders.TryGetValue(part, out var freezes)) freezes.Remove(holder);
        return !Any(part);
    }
}
