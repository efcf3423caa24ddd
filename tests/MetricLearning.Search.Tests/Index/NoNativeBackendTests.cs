using System.Diagnostics;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that a search loads no libtorch. This project has no native backend of TorchSharp, so all its tests show that a search
/// needs none.</summary>
public class NoNativeBackendTests
{
    [Fact]
    public void ASearch_LoadsNoLibtorch()
    {
        var index = new ExactIndex<string>(64);
        index.Add(DrawnRows.Of(RowKind.Plain, 5000, 64, seed: 6).Select((row, key) => new SearchRow<string>($"{key}", row)));
        Assert.Equal("17", index.Search(index.Find("17")!.Vector.Span, 10)[0].Key);
        using var process = Process.GetCurrentProcess();
        Assert.DoesNotContain(process.Modules.Cast<ProcessModule>(),
            module => module.ModuleName.Contains("torch", StringComparison.OrdinalIgnoreCase) && !module.ModuleName.EndsWith(".dll",
                StringComparison.OrdinalIgnoreCase));
        Assert.Empty(Directory.GetFiles(AppContext.BaseDirectory, "*torch*.so*"));
    }
}
