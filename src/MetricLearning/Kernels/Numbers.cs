using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Between few numbers of kernels and tensors on the CPU.</summary>
internal static unsafe class Numbers
{
    /// <summary>A new tensor [K], float32 or float64.</summary>
    public static Tensor ToTensor(ReadOnlySpan<double> values, ScalarType type)
    {
        var tensor = empty(values.Length, type);
        var to = NativeMemory.Of(tensor);
        if (type == ScalarType.Float64) values.CopyTo(new Span<double>(to, values.Length));
        else
            for (var i = 0; i < values.Length; i++) ((float*)to)[i] = (float)values[i];
        return tensor;
    }

    /// <summary>The gradient [K], float32 or float64, times a factor each; 0 stays 0 whatever the gradient. The caller has a dispose scope open.</summary>
    public static double[] Times(Tensor gradient, double[] factors)
    {
        var from = NativeMemory.Of(NativeMemory.Contiguous(gradient));
        var single = gradient.dtype == ScalarType.Float32;
        var products = new double[factors.Length];
        for (var i = 0; i < products.Length; i++)
            if (factors[i] != 0) products[i] = factors[i] * (single ? ((float*)from)[i] : ((double*)from)[i]);
        return products;
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
