using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Between few numbers of kernels and tensors on the CPU.</summary>
internal static unsafe class KernelArrays
{
    /// <summary>A new tensor [K], float32 or float64.</summary>
    public static Tensor ToTensor(double[] values, ScalarType type) =>
        type == ScalarType.Float64 ? tensor(values) : tensor(Array.ConvertAll(values, value => (float)value));

    /// <summary>The gradient [K], float32 or float64, times lists of a factor each; 0 stays 0 whatever the gradient. The caller has a
    /// dispose scope open.</summary>
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

    /// <summary>float or double as double.</summary>
    public static double Widen<T>(T value) where T : unmanaged => typeof(T) == typeof(float) ? *(float*)&value : *(double*)&value;

    /// <summary>double as float or double.</summary>
    public static T Narrow<T>(double value) where T : unmanaged
    {
        var narrow = (float)value;
        return typeof(T) == typeof(float) ? *(T*)&narrow : *(T*)&value;
    }
}
