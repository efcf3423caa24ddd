using System.Reflection;
using System.Reflection.Emit;

namespace MetricLearning.Testing;

/// <summary>Reads the instructions of compiled methods, for tests of rules that the compiler cannot check.</summary>
internal static class CompiledCode
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static readonly Dictionary<short, OpCode> opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>All methods and constructors that a type declares.</summary>
    public static IEnumerable<MethodBase> MethodsOf(Type type) =>
        type.GetMethods(Declared).Concat<MethodBase>(type.GetConstructors(Declared));

    /// <summary>The calls and the branches of a method, in the order of its code.</summary>
    public static IEnumerable<Instruction> Of(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        var typeArguments = method.DeclaringType!.GetGenericArguments();
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (var at = 0; at < code.Length;)
        {
            var start = at;
            var opCode = opCodes[code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += opCode.Size;
            var end = at + opCode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
            if (opCode.OperandType == OperandType.InlineMethod)
                yield return new(start, Callee: Definition(
                    method.Module.ResolveMethod(BitConverter.ToInt32(code, at), typeArguments, methodArguments)!));
            else if (opCode.OperandType == OperandType.ShortInlineBrTarget) yield return new(start, Target: end + (sbyte)code[at]);
            else if (opCode.OperandType == OperandType.InlineBrTarget)
                yield return new(start, Target: end + BitConverter.ToInt32(code, at));
            at = end;
        }
    }

    /// <summary>The method as it was declared, whatever its type arguments.</summary>
    private static MethodBase Definition(MethodBase method) => method.DeclaringType is { IsGenericType: true } || method.IsGenericMethod
        ? method.Module.ResolveMethod(method.MetadataToken)!
        : method;

    /// <summary>A call or a branch.</summary>
    /// <param name="At">Its offset in the code of the method.</param>
    /// <param name="Callee">The method that it calls; null for a branch.</param>
    /// <param name="Target">The offset to which it branches; null for a call.</param>
    public readonly record struct Instruction(int At, MethodBase? Callee = null, int? Target = null);
}
