using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Collects scalars that the host will read, and transfers them from the device together.</summary>
/// <remarks>Add all scalars before you read the first.</remarks>
internal sealed class HostScalars
{
    private readonly List<Tensor> scalars = [];
    private double[]? values;

    /// <summary>Adds a scalar and returns a function that reads it.</summary>
    public Func<double> Add(Tensor scalar)
    {
        var place = scalars.Count;
        scalars.Add(scalar);
        return () => (values ??= Read())[place];
    }

    private double[] Read()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (scalars.TrueForAll(scalar => scalar.device_type == DeviceType.CPU))
            return [.. scalars.Select(scalar => scalar.dtype == ScalarType.Float32 ? scalar.item<float>()
                : scalar.to(ScalarType.Float64).item<double>())];
        var device = scalars[0].device;
        return TensorMemory.Copy<double>(stack([.. scalars.Select(scalar => scalar.to(device).to(ScalarType.Float64))]));
    }
}
