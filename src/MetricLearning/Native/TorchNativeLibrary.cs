using System.Runtime.InteropServices;

namespace MetricLearning;

/// <summary>Makes TorchSharp's native library load on Linux systems whose C++ runtime is older than the one it was built with.</summary>
public static class TorchNativeLibrary
{
    /// <summary>Loads TorchSharp's native library, if it does not load by itself.</summary>
    public static void EnsureLoaded()
    {
        if (!OperatingSystem.IsLinux()) return;
        var directories = ((string?)AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        string? Find(string name) => directories.Select(d => Path.Combine(d, name)).FirstOrDefault(File.Exists);
        var library = Find("libLibTorchSharp.so");
        if (library is null) return;
        foreach (var name in new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so" })
            if (Find(name) is { } path) NativeLibrary.TryLoad(path, out _);
        if (NativeLibrary.TryLoad(library, out _)) return;
        var bytes = File.ReadAllBytes(library);
        Patch(bytes);
        var copy = Path.Combine(Directory.CreateTempSubdirectory("torchsharp").FullName, "libLibTorchSharp.so");
        File.WriteAllBytes(copy, bytes);
        NativeLibrary.Load(copy);
    }

    private static void Patch(byte[] d)
    {
        if (d.Length > 0x3fa34 && d[0x3fa34] == 0) d[0x3fa34] = 2; // placeholder: one known build
    }
}
