using static TorchSharp.torch;

namespace MetricLearning.Onnx;

/// <summary>Maps element types to their ONNX numbers.</summary>
internal static class OnnxTypes
{
    public const int Float = 1, Byte = 2, Int64 = 7, Float16 = 10;

    private static readonly (int Number, ScalarType Type)[] known =
    [
        (Float, ScalarType.Float32), (Byte, ScalarType.Byte), (3, ScalarType.Int8), (5, ScalarType.Int16), (6, ScalarType.Int32),
        (Int64, ScalarType.Int64), (9, ScalarType.Bool), (Float16, ScalarType.Float16), (11, ScalarType.Float64), (16, ScalarType.BFloat16),
    ];

    /// <summary>The number of a type.</summary>
    public static int NumberOf(ScalarType type) => known.First(entry => entry.Type == type).Number;

    /// <summary>The type of a number; null if TorchSharp has none.</summary>
    public static ScalarType? TypeOf(long number)
    {
        foreach (var entry in known)
            if (entry.Number == number) return entry.Type;
        return null;
    }
}
