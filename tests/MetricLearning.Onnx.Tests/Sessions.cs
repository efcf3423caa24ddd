using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace MetricLearning.Onnx.Tests;

/// <summary>ONNX Runtime on one thread, with TorchSharp's tensors.</summary>
internal static class Sessions
{
    /// <summary>Loads a network.</summary>
    public static InferenceSession Open(string path)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return new InferenceSession(path, options);
    }

    /// <summary>Runs a network, and returns its outputs by their names.</summary>
    public static Dictionary<string, Tensor> Run(this InferenceSession session, params (string Name, Tensor Value)[] inputs)
    {
        using var results = session.Run([.. inputs.Select(input => Input(input.Name, input.Value.contiguous()))]);
        return results.ToDictionary(result => result.Name, result => Output(result.AsTensor<float>()));
    }

    private static NamedOnnxValue Input(string name, Tensor tensor)
    {
        int[] shape = [.. tensor.shape.Select(size => (int)size)];
        return tensor.dtype switch
        {
            ScalarType.Float32 => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(tensor.data<float>().ToArray(), shape)),
            ScalarType.Byte => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<byte>(tensor.data<byte>().ToArray(), shape)),
            _ => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(tensor.data<long>().ToArray(), shape)),
        };
    }

    private static Tensor Output(Tensor<float> values) =>
        tensor(values.ToArray()).reshape([.. values.Dimensions.ToArray().Select(size => (long)size)]);
}
