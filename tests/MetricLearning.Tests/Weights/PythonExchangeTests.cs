using System.Diagnostics;
using System.Security.Cryptography;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that files of weights can be exchanged with Python's PyTorch, if it is installed (Golden/exchange.py).</summary>
[LeavesNoTensors]
public sealed class PythonExchangeTests : IDisposable
{
    private const string Python = "/usr/bin/python3";

    private static readonly ScalarType[] types =
    [
        ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Int32,
        ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
    ];

    private readonly string folder = Directory.CreateTempSubdirectory("exchange-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void EveryType_IsReadByPyTorch_AndReadBack()
    {
        Assert.SkipUnless(File.Exists(Python), $"there is no {Python}");
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>();
        foreach (var type in types)
        {
            tensors[$"{type}.matrix"] = (randn(3, 5) * 20).to(type).t();
            tensors[$"{type}.number"] = (randn(1) * 20).to(type).reshape();
            tensors[$"{type}.empty"] = empty([0, 4], type);
            tensors[$"{type}.repeated"] = (randn(1, 4) * 20).to(type).expand(3, 4);
        }
        TorchCheckpointFile.Write(Under("ours.pth"), tensors);
        SafeTensors.Write(Under("ours.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });

        var (code, output, error) = Run(Path.Combine(Repository.Root, "tests/MetricLearning.Tests/Weights/Golden/exchange.py"), folder);
        Assert.SkipWhen(error.Contains("ModuleNotFoundError", StringComparison.Ordinal), $"{Python} has no PyTorch");
        Assert.True(code == 0, error);
        Assert.Equal(Lines("ours.pth").Concat(Lines("ours.safetensors")), output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        foreach (var file in (string[])["theirs.pth", "legacy.pth", "theirs.safetensors"])
        {
            using var back = WeightFile.Read(Under(file));
            Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), back.Keys.Order(StringComparer.Ordinal));
            foreach (var (name, tensor) in back)
                Assert.Equal(Line(file, name, tensors[name]), Line(file, name, tensor));
        }

        IEnumerable<string> Lines(string file) => tensors.OrderBy(named => named.Key, StringComparer.Ordinal)
            .Select(named => Line(file, named.Key, named.Value));

        static string Line(string file, string name, Tensor tensor)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(tensor.contiguous().bytes))[..16];
            return $"{file} {name} {NameOf(tensor.dtype)} {string.Join(",", tensor.shape)} {hash}";
        }
    }

    private static string NameOf(ScalarType type) => type switch
    {
        ScalarType.Float64 => "F64", ScalarType.Float32 => "F32", ScalarType.Float16 => "F16", ScalarType.BFloat16 => "BF16",
        ScalarType.Int64 => "I64", ScalarType.Int32 => "I32", ScalarType.Int16 => "I16", ScalarType.Int8 => "I8",
        ScalarType.Byte => "U8", _ => "BOOL",
    };

    private string Under(string file) => Path.Combine(folder, file);

    private static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Python, ["-W", "ignore", .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["OMP_NUM_THREADS"] = "1" },
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
