using System.Diagnostics;
using System.Text;

namespace MetricLearning.Tests;

/// <summary>
/// Each starts a small program of its own, one whose first line touches <c>torch</c>: the runner of reference cases, on an empty folder.
/// </summary>
public sealed class TorchNativeLibraryTests : IDisposable
{
    private const string Success = "0 passed, 0 failed, 0 skipped";

    private static readonly (string, string) older = ("GLIBCXX_3.4.32", "GLIBCXX_X.X.32");

    private readonly string root = Directory.CreateTempSubdirectory("metriclearning-test-").FullName;
    private string Cache => Path.Combine(root, "cache");
    private string Copies => Path.Combine(Cache, "metriclearning");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void EnsureLoadedMayBeCalledAgain()
    {
        TorchNativeLibrary.EnsureLoaded();
        TorchNativeLibrary.EnsureLoaded();
    }

    [Fact]
    public void ProgramsThatStartTogetherShareOneCopy()
    {
        var programs = Enumerable.Range(0, 3).Select(_ => Start()).ToList();
        Assert.All(programs, p => Assert.Contains(Success, Finish(p).Output, StringComparison.Ordinal));
        Assert.Single(Directory.GetFileSystemEntries(Copies));
    }

    [Fact]
    public void ACorruptedCopyIsReplaced()
    {
        Assert.Contains(Success, Run().Output, StringComparison.Ordinal);
        var copy = Assert.Single(Directory.GetFiles(Copies));
        var bytes = File.ReadAllBytes(copy);
        File.WriteAllBytes(copy, bytes[..1000]);
        Assert.Contains(Success, Run().Output, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(copy));
    }

    [Fact]
    public void WhereNoFolderWillDoTheCopyIsInMemory()
    {
        var (output, error) = Run(("XDG_CACHE_HOME", "/proc/none"), ("HOME", "/proc/none"), ("TMPDIR", "/proc/none"));
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    [Fact]
    public void TheVariableSwitchesItOff()
    {
        var (output, error) = Run(("METRICLEARNING_NATIVE_FIX", "0"));
        Assert.DoesNotContain(Success, output, StringComparison.Ordinal);
        Assert.DoesNotContain("MetricLearning:", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Copies));
    }

    [Fact]
    public void ARuntimeWithoutTheNewerWaitServesToo()
    {
        // LD_BIND_NOW: every function is looked up at once, so that none is left that would be missing when it is called.
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.30", "GLIBCXX_X.X.30"), older)), ("LD_BIND_NOW", "1"));
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    [Fact]
    public void WhereNothingHelpsOneLineSaysWhy()
    {
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.29", "GLIBCXX_X.X.29"), older)));
        Assert.DoesNotContain(Success, output, StringComparison.Ordinal);
        var line = Assert.Single(error.Split('\n'), l => l.StartsWith("MetricLearning:", StringComparison.Ordinal));
        Assert.Contains("libLibTorchSharp.so does not load:", line, StringComparison.Ordinal);
        Assert.Contains("GLIBCXX_3.4.29", line, StringComparison.Ordinal);
        Assert.Contains("Install a libstdc++ of GCC 13 or later", line, StringComparison.Ordinal);
    }

    [Fact]
    public void WhereTheLibraryLoadsByItselfNothingIsWritten()
    {
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.28", "GLIBCXX_3.4.32"))));
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
        Assert.False(Directory.Exists(Copies));
    }

    /// <summary>A folder with this machine's C++ runtime, in which versions have other names.</summary>
    private string RuntimeWhere(params (string Version, string Name)[] renamed)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
        var path = File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1])
            .First(p => p.Contains("/libstdc++.so.6", StringComparison.Ordinal));
        var bytes = File.ReadAllBytes(path);
        foreach (var (version, name) in renamed)
        {
            Replace(bytes, Encoding.ASCII.GetBytes(version + "\0"), Encoding.ASCII.GetBytes(name + "\0"));
            Replace(bytes, BitConverter.GetBytes(HashOf(version)), BitConverter.GetBytes(HashOf(name)));
        }
        var folder = Directory.CreateDirectory(Path.Combine(root, $"runtime{Guid.NewGuid():N}")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "libstdc++.so.6"), bytes);
        return folder;
    }

    private static void Replace(byte[] bytes, byte[] old, byte[] by)
    {
        Assert.Equal(old.Length, by.Length);
        for (int at = 0, step; (step = bytes.AsSpan(at).IndexOf(old)) >= 0; at += step + 1) by.CopyTo(bytes.AsSpan(at + step));
    }

    /// <summary>The hash by which ELF files find a version.</summary>
    private static uint HashOf(string name) =>
        name.Aggregate(0u, (hash, c) => { hash = (hash << 4) + c; var high = hash & 0xf0000000; return (hash ^ (high >> 24)) & ~high; });

    private (string Output, string Error) Run(params (string Name, string Value)[] environment) => Finish(Start(environment));

    private Process Start(params (string Name, string Value)[] environment)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "MetricLearning.Conformance.dll");
        var start = new ProcessStartInfo("dotnet", [program, Directory.CreateDirectory(Path.Combine(root, "cases")).FullName])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["XDG_CACHE_HOME"] = Cache;
        start.Environment["LD_LIBRARY_PATH"] = RuntimeWhere(older);
        start.Environment["NUGET_PACKAGES"] = "/proc/none";          // else TorchSharp, when it fails, copies 500 MB out of it
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static (string Output, string Error) Finish(Process process)
    {
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (output, error.Result);
        }
    }
}
