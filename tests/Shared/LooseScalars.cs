using System.Reflection;
using TorchSharp;

namespace MetricLearning.Testing;

/// <summary>Searches compiled code for scalars that nothing keeps alive while libtorch reads them: see MetricLearning.Scalars.</summary>
internal static class LooseScalars
{
    private static readonly Lazy<HashSet<MethodBase>> unsafeCalls = new(FindUnsafeCalls);

    /// <summary>Returns "Type.Method calls Type: Method" for each call in these types that creates such a scalar, or that makes TorchSharp
    /// create one.</summary>
    public static string[] In(IEnumerable<Type> types) =>
        [.. Calls(types).Where(call => unsafeCalls.Value.Contains(call.Callee))
            .Select(call => $"{call.Caller.DeclaringType}.{call.Caller.Name} calls {call.Callee.DeclaringType}: {call.Callee}")
            .Distinct().Order()];

    /// <summary>The methods that create scalars, and all methods of TorchSharp that call them, at any depth.</summary>
    private static HashSet<MethodBase> FindUnsafeCalls()
    {
        var makers = typeof(Scalar).GetMethods().Where(method => method.Name == "op_Implicit")
            .Concat(typeof(ScalarExtensionMethods).GetMethods().Where(method => method.ReturnType == typeof(Scalar)));
        var callers = Calls(typeof(Scalar).Assembly.GetTypes()).ToLookup(call => call.Callee, call => call.Caller);
        var found = new HashSet<MethodBase>(makers);
        var open = new Stack<MethodBase>(found);
        while (open.TryPop(out var method))
            foreach (var caller in callers[method])
                if (found.Add(caller)) open.Push(caller);
        return found;
    }

    private static IEnumerable<(MethodBase Caller, MethodBase Callee)> Calls(IEnumerable<Type> types) =>
        from type in types
        from caller in CompiledCode.MethodsOf(type)
        from instruction in CompiledCode.Of(caller)
        where instruction.Callee is not null
        select (caller, instruction.Callee);
}
