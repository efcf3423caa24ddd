using System.Reflection;
using System.Reflection.Emit;
using TorchSharp;

namespace MetricLearning.Testing;

/// <summary>Searches compiled code for scalars that nothing keeps alive while libtorch reads them: see MetricLearning.Scalars.</summary>
internal static class LooseScalars
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static readonly Dictionary<short, OpCode> opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

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
        from caller in type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared))
        from callee in Callees(caller)
        select (caller, callee);

    private static IEnumerable<MethodBase> Callees(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        var typeArguments = method.DeclaringType!.GetGenericArguments();
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (var at = 0; at < code.Length;)
        {
            var opCode = opCodes[code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += opCode.Size;
            if (opCode.OperandType == OperandType.InlineMethod)
                yield return Definition(method.Module.ResolveMethod(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!);
            at += opCode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
    }

    /// <summary>The method as it was declared, whatever its type arguments.</summary>
    private static MethodBase Definition(MethodBase method) => method.DeclaringType is { IsGenericType: true } || method.IsGenericMethod
        ? method.Module.ResolveMethod(method.MetadataToken)!
        : method;
}
