using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Products of rows of 16-bit integers that are split into two bytes, by libtorch's product of 8-bit integers: on processors with
/// AMX it is several times as fast as a product in float32.</summary>
/// <remarks>
/// With <c>i = 256 h + l</c>, <c>Σ i i' = 65,536 Σ h h' + 256 Σ (h l' + l h') + Σ l l'</c>. The last sum is left out and belongs to the
/// error bound. The other two are products of bytes; each is exact in int32 up to <see cref="LargestWidth"/> places, in any order.
/// TorchSharp does not offer this product, so TorchScript calls it.
/// </remarks>
internal static class SplitProduct
{
    /// <summary>The largest integer whose high byte, rounded, is at most 127.</summary>
    public const int LargestInteger = 127 * 256 + 127;

    /// <summary>The largest number of places of a row: two products of 128 · 128 for each place must fit into int32.</summary>
    public const int LargestWidth = (1 << 16) - 1;

    /// <summary>Rows shorter than this are multiplied faster in other ways.</summary>
    private const int LeastWidth = 768;

    /// <summary>The number of multiplications above which the product pays for the 0.1 seconds in which TorchScript compiles its
    /// call.</summary>
    private const double LeastWork = 3e10;

    private static readonly Lazy<jit.CompilationUnit?> script = new(Compile);

    /// <summary>Whether the processor multiplies matrices of bytes (AMX-INT8).</summary>
    private static readonly bool hasMatrices = X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7
        && (X86Base.CpuId(7, 0).Edx >> 24 & 3) == 3;

    /// <summary>Whether libtorch has the product and its sums are exact.</summary>
    public static bool IsSupported => FixedPoint.IsSupported && script.Value is not null;

    /// <summary>Whether this is the fastest way to compare a number of queries with a gallery.</summary>
    /// <param name="queries">The number of queries.</param>
    /// <param name="gallery">The number of rows of the gallery.</param>
    /// <param name="width">The number of places of a row.</param>
    public static bool Pays(int queries, int gallery, int width) => hasMatrices && width is >= LeastWidth and <= LargestWidth
        && (double)queries * gallery * width >= LeastWork && IsSupported;

    /// <summary>The products of rows of bytes with columns of bytes.</summary>
    /// <param name="left">int8 [M, K].</param>
    /// <param name="right">int8 [K, N].</param>
    /// <param name="sums">int32 [M, N], overwritten.</param>
    public static void Multiply(Tensor left, Tensor right, Tensor sums) => Multiply(script.Value!, left, right, sums);

    private static void Multiply(jit.CompilationUnit script, Tensor left, Tensor right, Tensor sums) =>
        ((Tensor)script.invoke("multiply", left, right, sums)).Dispose();

    private static jit.CompilationUnit? Compile()
    {
        try
        {
            var made = jit.compile("""
                def multiply(left, right, sums):
                    # type: (Tensor, Tensor, Tensor) -> Tensor
                    return torch._int_mm(left, right, out=sums)

                """);
            if (IsExact(made)) return made;
            made.Dispose();
        }
        catch (System.Runtime.InteropServices.ExternalException)
        {
            // This libtorch does not have the product.
        }
        return null;
    }

    /// <summary>Multiplies the largest bytes. A processor without the right instructions, or one for which they were switched off by an
    /// environment variable of oneDNN, may round such sums.</summary>
    private static bool IsExact(jit.CompilationUnit script)
    {
        const int rows = 48, width = 512;
        using var scope = NewDisposeScope();
        var left = tensor(Bytes(1)).view(rows, width);
        var right = tensor(Bytes(2)).view(rows, width);
        var sums = empty(rows, rows, ScalarType.Int32);
        Multiply(script, left, right.t(), sums);
        return sums.equal(left.to(ScalarType.Float32).mm(right.to(ScalarType.Float32).t()).to(ScalarType.Int32)).all().item<bool>();

        // Whole rows of −128, of 127 and of both in turn, which give the largest sums of either sign. They are exact in float32.
        static sbyte[] Bytes(int period) => [.. Enumerable.Range(0, rows * width).Select(i => (i / width % 3) switch
        {
            0 => sbyte.MinValue,
            1 => sbyte.MaxValue,
            _ => i / period % 2 == 0 ? sbyte.MinValue : sbyte.MaxValue,
        })];
    }
}
