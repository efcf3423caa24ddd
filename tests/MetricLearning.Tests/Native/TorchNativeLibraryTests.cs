using System.Diagnostics;
using System.Text;

namespace MetricLearning.Tests;

/// <summary>
/// Each test starts a separate small program whose first line uses <c>torch</c>: the runner of reference cases, on an empty folder.
/// </summary>
public sealed class TorchNativeLibraryTests : IDisposable
{
    private const string Success = "0 passed, 0 failed, 0 skipped";

    private static readonly string[] userFolders = ["XDG_CACHE_HOME", "HOME", "TMPDIR"];
    private static readonly (string, string) older = ("GLIBCXX_3.4.32", "GLIBCXX_X.X.32");

    private readonly string root = Directory.CreateTempSubdirectory("metriclearning-test-").FullName;
    private string Cache => Path.Combine(root, "cache");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void EnsureLoadedMayBeCalledAgain()
    {
        TorchNativeLibrary.EnsureLoaded();
        TorchNativeLibrary.EnsureLoaded();
    }

    /// <summary>The copy has no name in any folder, so no other user can replace it before it is loaded.</summary>
    [Fact]
    public void TheCopyIsInMemoryAlone()
    {
        (string Name, string Path)[] folders = [.. userFolders.Select(name => (name, Path.Combine(root, name)))];
        foreach (var (_, folder) in folders) Directory.CreateDirectory(folder);
        var (output, error) = Run(folders);
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
        Assert.All(folders, folder => Assert.Empty(Directory.EnumerateFiles(folder.Path, "*LibTorchSharp*",
            new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })));
    }

    /// <summary>Another program with access to the user's folders has put a library there, and swaps the folders all the time. The
    /// program loads its own library, and writes nothing there.</summary>
    [Fact]
    public async Task WhatOthersPutIntoTheFoldersOfTheUserIsNeverLoaded()
    {
        const string Library = "libLibTorchSharp.so";
        var (mine, theirs) = (Path.Combine(Cache, "metriclearning"), Path.Combine(Cache, "theirs"));
        foreach (var folder in new[] { mine, theirs })
            File.Copy(Loaded("libm.so.6"), Path.Combine(Directory.CreateDirectory(folder).FullName, Library));
        using var stop = new CancellationTokenSource();
        var swapper = Task.Run(() =>
        {
            var spare = Path.Combine(Cache, "spare");
            while (!stop.IsCancellationRequested)
            {
                Directory.Move(mine, spare);
                Directory.Move(theirs, mine);
                Directory.Move(spare, theirs);
                Thread.Sleep(1);     // so that the program nearly always finds the folder
            }
        }, TestContext.Current.CancellationToken);
        var (output, error) = Run([.. userFolders.Select(name => (name, Cache))]);
        await stop.CancelAsync();
        await swapper;
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
        Assert.All([mine, theirs], folder => Assert.Equal([Path.Combine(folder, Library)], Directory.GetFileSystemEntries(folder)));
    }

    /// <summary>A libtorch of the system, used in place of a backend package, does not fit TorchSharp's library.</summary>
    [Fact]
    public void ALibtorchOfTheSystemIsNamedWithItsVersion()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
        var program = Directory.CreateDirectory(Path.Combine(root, "program")).FullName;
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory).Where(file => Path.GetFileName(file) is var name
            && (name.EndsWith(".dll", StringComparison.Ordinal) || name.EndsWith(".json", StringComparison.Ordinal)
                || name == "libLibTorchSharp.so")))
            File.Copy(file, Path.Combine(program, Path.GetFileName(file)));
        var system = Directory.CreateDirectory(Path.Combine(root, "system", "lib")).FullName;
        foreach (var name in new ElfLibrary(File.ReadAllBytes(Path.Combine(program, "libLibTorchSharp.so"))).Needed
            .Where(name => name.Contains("torch", StringComparison.Ordinal) || name.Contains("c10", StringComparison.Ordinal)))
            File.Copy(Loaded("libm.so.6"), Path.Combine(system, name));
        File.WriteAllText(Path.Combine(root, "system", "build-version"), "1.13.1+cpu\n");
        var (output, error) = Finish(Start(program, ("LD_LIBRARY_PATH", $"{RuntimeWhere(older)}:{system}")));
        Assert.DoesNotContain(Success, output, StringComparison.Ordinal);
        var line = Assert.Single(error.Split('\n'), l => l.StartsWith("MetricLearning:", StringComparison.Ordinal));
        Assert.Contains($"{Path.Combine(system, "libtorch.so")} (version 1.13.1+cpu)", line, StringComparison.Ordinal);
        Assert.Contains("Reference one native backend of TorchSharp", line, StringComparison.Ordinal);
    }

    [Fact]
    public void TheVariableSwitchesItOff()
    {
        var (output, error) = Run(("METRICLEARNING_NATIVE_FIX", "0"));
        Assert.DoesNotContain(Success, output, StringComparison.Ordinal);
        Assert.DoesNotContain("MetricLearning:", error, StringComparison.Ordinal);
        Assert.Contains("Failed to load native component LibTorchSharp", error, StringComparison.Ordinal);     // TorchSharp's own words
    }

    [Fact]
    public void ARuntimeWithoutTheNewerWaitWorksToo()
    {
        // With LD_BIND_NOW every function is looked up at once. So a missing function makes the load fail, and not a later call.
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.30", "GLIBCXX_X.X.30"), older)), ("LD_BIND_NOW", "1"));
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    [Fact]
    public void IfNoWayWorksOneLineSaysWhy()
    {
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.29", "GLIBCXX_X.X.29"), older)));
        Assert.DoesNotContain(Success, output, StringComparison.Ordinal);
        var line = Assert.Single(error.Split('\n'), l => l.StartsWith("MetricLearning:", StringComparison.Ordinal));
        Assert.Contains("libLibTorchSharp.so does not load:", line, StringComparison.Ordinal);
        Assert.Contains("GLIBCXX_3.4.29", line, StringComparison.Ordinal);
        Assert.Contains("Install a libstdc++ of GCC 13 or later", line, StringComparison.Ordinal);
    }

    [Fact]
    public void IfTheLibraryLoadsByItselfNothingIsPrinted()
    {
        var (output, error) = Run(("LD_LIBRARY_PATH", RuntimeWhere(("GLIBCXX_3.4.28", "GLIBCXX_3.4.32"))));
        Assert.Contains(Success, output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    /// <summary>Creates a folder with a copy of this machine's C++ runtime, in which some versions have other names.</summary>
    private string RuntimeWhere(params (string Version, string Name)[] renamed)
    {
        var bytes = File.ReadAllBytes(Loaded("libstdc++.so.6"));
        foreach (var (version, name) in renamed)
        {
            Replace(bytes, Encoding.ASCII.GetBytes(version + "\0"), Encoding.ASCII.GetBytes(name + "\0"));
            Replace(bytes, BitConverter.GetBytes(HashOf(version)), BitConverter.GetBytes(HashOf(name)));
        }
        var folder = Directory.CreateDirectory(Path.Combine(root, $"runtime{Guid.NewGuid():N}")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "libstdc++.so.6"), bytes);
        return folder;
    }

    /// <summary>The file of a system library that this process has loaded.</summary>
    private static string Loaded(string library)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
        return File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1])
            .First(path => path.Contains($"/{library}", StringComparison.Ordinal));
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

    private Process Start(params (string Name, string Value)[] environment) => Start(AppContext.BaseDirectory, environment);

    private Process Start(string folder, params (string Name, string Value)[] environment)
    {
        var program = Path.Combine(folder, "MetricLearning.Conformance.dll");
        var start = new ProcessStartInfo("dotnet", [program, Directory.CreateDirectory(Path.Combine(root, "cases")).FullName])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["XDG_CACHE_HOME"] = Cache;
        start.Environment["LD_LIBRARY_PATH"] = RuntimeWhere(older);
        start.Environment["NUGET_PACKAGES"] = "/proc/none";          // or TorchSharp copies 500 MB from it when it fails
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
