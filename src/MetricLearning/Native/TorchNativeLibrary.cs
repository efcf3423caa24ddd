using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace MetricLearning;

/// <summary>
/// Makes TorchSharp's native library load on Linux systems with an older C++ runtime than the one it was built with (Debian 12, Ubuntu
/// 22.04, RHEL 9).
/// </summary>
/// <remarks>
/// <para>TorchSharp 0.107 requires version GLIBCXX_3.4.32 of libstdc++, although it uses nothing of that version. Only after .NET has
/// failed to load the library, a copy that does not require that version is loaded instead; the library's own file is never changed. The
/// copy is in memory alone: it is never written into a folder, where another user could replace it. On other systems, and if the library
/// loads by itself, nothing happens.</para>
/// <para>The library is looked for where .NET looks for native libraries, beside TorchSharp's own assembly, and in TorchSharp's package:
/// F# scripts and notebooks load assemblies out of packages.</para>
/// <para>It also bounds how long libtorch's threads spin while they wait (<c>GOMP_SPINCOUNT=5000</c>), unless the environment says how
/// they wait (<c>OMP_WAIT_POLICY</c> or <c>GOMP_SPINCOUNT</c>). By default they spin for milliseconds and take the processors from other
/// work. The variable is set in this process alone, before libtorch is loaded.</para>
/// <para>A C# project that references this package calls <see cref="EnsureLoadable"/> automatically when it starts. Programs in other
/// languages call <see cref="EnsureLoaded"/> before they use TorchSharp. The environment variable <c>METRICLEARNING_NATIVE_FIX=0</c>
/// switches everything off; the MSBuild property <c>MetricLearningNativeFix=false</c> switches off the automatic call.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
public static partial class TorchNativeLibrary
{
    private const string LibraryName = "LibTorchSharp", FileName = "libLibTorchSharp.so", Switch = "METRICLEARNING_NATIVE_FIX";

    private const string Backends =
        "Reference one native backend of TorchSharp: libtorch-cpu-linux-x64, TorchSharp-cpu or TorchSharp-cuda-linux.";

    private static readonly object gate = new();
    private static int isSubscribed, hasWarned;

    private static bool IsOn => Environment.GetEnvironmentVariable(Switch)?.ToUpperInvariant() is not ("0" or "FALSE" or "OFF");

    /// <summary>
    /// Prepares TorchSharp's native library to load when it is first used, and bounds how long its threads spin. It never throws: if the
    /// library does not load, one line on the standard error stream says why and what to do, and TorchSharp throws.
    /// </summary>
    public static void EnsureLoadable()
    {
        if (!OperatingSystem.IsLinux() || !IsOn || Interlocked.Exchange(ref isSubscribed, 1) == 1) return;
        OpenMpSpin.Bound();
        var context = AssemblyLoadContext.GetLoadContext(typeof(TorchNativeLibrary).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
    }

    /// <summary>Loads TorchSharp's native library now. Does nothing if it is loaded already, and on systems other than Linux.</summary>
    /// <exception cref="DllNotFoundException">The library does not load; the message says what is missing and what to do.</exception>
    public static void EnsureLoaded()
    {
        if (!OperatingSystem.IsLinux()) return;
        if (IsOn) OpenMpSpin.Bound();
        if (NativeLibrary.TryLoad(FileName, out _)) return;
        var library = Find(typeof(TorchSharp.torch).Assembly)
            ?? throw new DllNotFoundException(
                $"{FileName} is not there: TorchSharp has none for this system, or it was not put beside the program.");
        Load(library);
    }

    /// <summary>.NET calls this after it has failed to load a native library.</summary>
    [SupportedOSPlatform("linux")]
    private static nint Resolve(Assembly assembly, string name)
    {
        if (name != LibraryName || Find(assembly) is not { } library) return 0;
        try
        {
            return Load(library);
        }
        catch (DllNotFoundException reason)
        {
            if (Interlocked.Exchange(ref hasWarned, 1) == 0) Console.Error.WriteLine($"MetricLearning: {reason.Message}");
            throw;
        }
    }

    /// <summary>The library's file, where .NET looks for native libraries, or in TorchSharp's package.</summary>
    private static string? Find(Assembly torch) =>
        SearchFolders.Append(AppContext.BaseDirectory).Concat(PackageFolders(torch))
            .Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists);

    /// <summary>Where a package has its native libraries for this system.</summary>
    private static string PackageLibraries { get; } =
        Path.Combine("runtimes", $"linux-{RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}", "native");

    private static string[] SearchFolders => (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The assembly's own folder and, where that is lib/FRAMEWORK of an unpacked package, the package's folder of native
    /// libraries.</summary>
    private static IEnumerable<string> PackageFolders(Assembly torch)
    {
        if (Path.GetDirectoryName(torch.Location) is not { Length: > 0 } folder) yield break;
        yield return folder;
        yield return Path.GetFullPath(Path.Combine(folder, "..", "..", PackageLibraries));
    }

    /// <summary>Loads a library that is not beside TorchSharp's: from the folders where .NET looks, from where the host of a script finds
    /// it, or as the system does.</summary>
    private static bool TryLoadAsTheHostDoes(string name) =>
        SearchFolders.Any(folder => NativeLibrary.TryLoad(Path.Combine(folder, name), out _))
            || NativeLibrary.TryLoad(name, typeof(TorchSharp.torch).Assembly, null, out _) || NativeLibrary.TryLoad(name, out _);

    [SupportedOSPlatform("linux")]
    private static nint Load(string library)
    {
        lock (gate)
        {
            try
            {
                return Load(library, new ElfLibrary(File.ReadAllBytes(library)));
            }
            catch (Exception reason) when (reason is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                throw new DllNotFoundException($"{library} cannot be read: {reason.Message}", reason);
            }
        }
    }

    /// <summary>Loads the library or, if it fails because of the versions that it requires, a copy that requires less.</summary>
    [SupportedOSPlatform("linux")]
    private static nint Load(string library, ElfLibrary elf)
    {
        // First the libraries beside it (libtorch): a copy in another folder would not find them, and any failure after that is the
        // library's own. The C and C++ runtimes, which have versions, are in the process already and must not be loaded twice.
        var folder = Path.GetDirectoryName(library)!;
        var missing = elf.Needed.Except(elf.VersionNeeds.Select(need => need.Library))
            .Where(name => !NativeLibrary.TryLoad(Path.Combine(folder, name), out _) && !TryLoadAsTheHostDoes(name)).ToList();
        if (missing.Count > 0)
            throw new DllNotFoundException(
                $"{library} needs {string.Join(", ", missing)}, which cannot be loaded: {ReasonOf(Path.Combine(folder, missing[0]))}. "
                + Backends);

        if (NativeLibrary.TryLoad(FileName, out var handle) || NativeLibrary.TryLoad(library, out handle)) return handle;
        var failures = new List<string>();
        foreach (var olderWait in IsOn ? (bool[])[false, true] : [])
            if (elf.Weakened(olderWait) is { } copy && TryLoadCopy(copy, failures, out handle)) return handle;

        var more = !IsOn ? $" The mend is switched off by {Switch}."
            : failures.Count > 0 ? $" A copy that asks for less could not be loaded from memory ({string.Join("; ", failures.Distinct())})."
            : "";
        throw new DllNotFoundException($"{library} does not load: {ReasonOf(library)}. {Advice(library, elf)}{more}");
    }

    /// <summary>What to do where the library does not load although all that it needs is there. Libraries that the system has instead of
    /// those of a backend package are the reason, unless the C++ runtime is.</summary>
    [SupportedOSPlatform("linux")]
    private static string Advice(string library, ElfLibrary elf)
    {
        var folder = Path.GetDirectoryName(library)!;
        var foreign = LoadedFiles.Of(elf.Needed.Where(name => name.Contains("torch", StringComparison.Ordinal)))
            .Where(file => Path.GetDirectoryName(file) is var place && place != folder
                && !place!.EndsWith(PackageLibraries, StringComparison.Ordinal)).ToList();
        return foreign.Count == 0
            ? "Install a libstdc++ of GCC 13 or later (Debian 13, Ubuntu 24.04 and RHEL 10 have one)."
            : $"It was loaded with a libtorch that no package of TorchSharp has: "
                + $"{string.Join(", ", foreign.Select(LoadedFiles.WithVersion))}. {Backends}";
    }

    /// <summary>Loads a copy from a file in memory. Such a file has no name in any folder, so that nobody can put another in its place
    /// between the moment it is written and the moment it is loaded; and it is sealed, so that nobody can write to it any more.</summary>
    [SupportedOSPlatform("linux")]
    private static bool TryLoadCopy(byte[] copy, List<string> failures, out nint handle)
    {
        const uint closeOnExecute = 1, allowSealing = 2;
        const int addSeals = 1033, allSeals = 0b1111;
        handle = 0;
        using var file = new SafeFileHandle(memfd_create(FileName, closeOnExecute | allowSealing), ownsHandle: true);
        if (!file.IsInvalid) RandomAccess.Write(file, copy, 0);
        if (file.IsInvalid || fcntl(file, addSeals, allSeals) < 0)
        {
            failures.Add($"there is no file in memory: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            return false;
        }
        var path = $"/proc/self/fd/{file.DangerousGetHandle()}";
        if (NativeLibrary.TryLoad(path, out handle))
        {
            // It stays open: the system's loader knows the library by this path, which no other file may get.
            file.SetHandleAsInvalid();
            return true;
        }
        if (ReasonOf(path) is var reason && !reason.Contains("GLIBCXX_", StringComparison.Ordinal)) failures.Add(reason);
        return false;
    }

    /// <summary>The reason that the system's loader gives for a library that does not load: the last line of .NET's message.</summary>
    private static string ReasonOf(string library)
    {
        try
        {
            NativeLibrary.Free(NativeLibrary.Load(library));
            return "it loads now";
        }
        catch (Exception reason) when (reason is DllNotFoundException or BadImageFormatException)
        {
            return reason.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1].TrimEnd('.');
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command, int argument);
}
