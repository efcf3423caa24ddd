using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Converts between the short float64 arrays of kernels and tensors on the CPU.</summary>
internal static unsafe class KernelArrays
{
    /// <summary>Creates a tensor [K] of float32 or float64.</summary>
    public static Tensor ToTensor(double[] values, ScalarType type) =>
        type == ScalarType.Float64 ? tensor(values) : tensor(Array.ConvertAll(values, value => (float)value));

    /// <summary>Multiplies a gradient entry by entry with each list of factors. A factor of 0 gives 0, even if the gradient is NaN. The
    /// caller has a dispose scope open.</summary>
    /// <param name="gradient">[K], float32 or float64.</param>
    /// <param name="factors">Lists of K factors.</param>
    public static double[][] Times(Tensor gradient, params double[][] factors)
    {
        var from = (nint)TensorMemory.Of(TensorMemory.Contiguous(gradient));
        var single = gradient.dtype == ScalarType.Float32;
        return Array.ConvertAll(factors, list =>
        {
            var products = new double[list.Length];
            for (var i = 0; i < products.Length; i++)
                if (list[i] != 0) products[i] = list[i] * (single ? ((float*)from)[i] : ((double*)from)[i]);
            return products;
        });
    }

    /// <summary>Converts a float or double to double.</summary>
    public static double Widen<T>(T value) where T : unmanaged => typeof(T) == typeof(float) ? *(float*)&value : *(double*)&value;

    /// <summary>Converts a double to float or double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Narrow<T>(double value) where T : unmanaged
    {
        var narrow = (float)value;
        return typeof(T) == typeof(float) ? *(T*)&narrow : *(T*)&value;
    }
}
