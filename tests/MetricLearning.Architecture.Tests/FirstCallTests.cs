using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that loops over vectors are compiled with optimization at once. Without it, .NET runs the first calls of a method in code
/// that calls a method for each operation on a vector, and a step takes several times as long for its first thirty calls.</summary>
public class FirstCallTests
{
    /// <summary>Methods of a vector that read or build it lane by lane. Loops over lanes are short.</summary>
    private static readonly HashSet<string> laneByLane = ["GetElement", "WithElement", "get_Item", "get_Count", "get_IsHardwareAccelerated",
        "ToScalar", "get_Zero"];

    [Fact]
    public void LoopsOverVectors_AreOptimizedAtOnce() => Faults.None(
        from method in PublicTypes.Libraries.SelectMany(library => library.GetTypes()).SelectMany(CompiledCode.MethodsOf)
        where LoopsOverVectors(method) && !Has(method, MethodImplAttributes.AggressiveOptimization)
            && !Has(method, MethodImplAttributes.AggressiveInlining)
        select $"{method.DeclaringType}.{method.Name} loops over vectors: mark it AggressiveOptimization");

    [Fact]
    public void LoopsOverVectors_AreFound()
    {
        Assert.Equal([nameof(Loops.InALambda), nameof(Loops.Inlined), nameof(Loops.Plain), nameof(Loops.Through)],
            typeof(Loops).GetNestedTypes(BindingFlags.NonPublic).Append(typeof(Loops)).SelectMany(CompiledCode.MethodsOf)
                .Where(LoopsOverVectors).Select(method => method.Name.Split('>')[0].TrimStart('<')).Order());
        Assert.Contains(PublicTypes.Libraries.SelectMany(library => library.GetTypes()).SelectMany(CompiledCode.MethodsOf),
            method => LoopsOverVectors(method) && Has(method, MethodImplAttributes.AggressiveOptimization));
    }

    private static bool LoopsOverVectors(MethodBase method)
    {
        var code = CompiledCode.Of(method).ToList();
        return code.Any(branch => branch.Target <= branch.At
            && code.Any(call => call.At >= branch.Target && call.At < branch.At && call.Callee is { } callee && WorksOnVectors(callee)));
    }

    /// <summary>Whether the method is an operation on vectors, or is inlined and has one.</summary>
    private static bool WorksOnVectors(MethodBase method) =>
        method.DeclaringType!.Namespace?.StartsWith(typeof(Vector256).Namespace!, StringComparison.Ordinal) == true
            ? !laneByLane.Contains(method.Name)
            : Has(method, MethodImplAttributes.AggressiveInlining) && method.Module.Assembly.GetName().Name!.StartsWith(
                nameof(MetricLearning), StringComparison.Ordinal)
                && CompiledCode.Of(method).Any(call => call.Callee is { } callee && callee != method && WorksOnVectors(callee));

    private static bool Has(MethodBase method, MethodImplAttributes attribute) =>
        (method.GetMethodImplementationFlags() & attribute) != 0;

    private static class Loops
    {
        public static Vector256<float> Plain(int count)
        {
            var sum = Vector256<float>.One;
            for (var i = 0; i < count; i++) sum += sum;
            return sum;
        }

        public static Vector256<float> Through(int count)
        {
            var sum = Vector256<float>.One;
            for (var i = 0; i < count; i++) sum = Twice(sum);
            return sum;
        }

        public static Func<int, Vector256<float>> InALambda() => count =>
        {
            var sum = Vector256<float>.One;
            while (count-- > 0) sum *= sum;
            return sum;
        };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Inlined(Vector256<float> sum, int count)
        {
            for (var i = 0; i < count; i++) sum += sum;
            return sum;
        }

        public static float ByLane(Vector256<float> values)
        {
            var least = values[0];
            for (var i = 1; i < Vector256<float>.Count; i++) least = Math.Min(least, values.GetElement(i));
            return least;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<float> Twice(Vector256<float> values) => values + values;
    }
}
