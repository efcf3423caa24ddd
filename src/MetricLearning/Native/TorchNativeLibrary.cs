using System.Diagnostics.CodeAnalysis;
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
/// <para>TorchSharp 0.107 requires version GLIBCXX_3.4.32 of libstdc++, although it uses nothing of that version. If .NET fails to load the
/// library, this class loads a copy that does not require that version; it never changes the library's own file. The copy exists only in
/// memory. It is never written to a folder, where another user could replace it. On other systems, and if the library loads by itself,
/// nothing happens.</para>
/// <para>The library is searched in the folders where .NET looks for native libraries, next to TorchSharp's own assembly, and in
/// TorchSharp's package, because F# scripts and notebooks load assemblies from packages.</para>
/// <para>It also limits how long libtorch's threads spin while they wait (<c>GOMP_SPINCOUNT=5000</c>), unless the environment already sets
/// this (<c>OMP_WAIT_POLICY</c> or <c>GOMP_SPINCOUNT</c>). By default they spin for milliseconds and take processors from other work. The
/// variable is set only in this process, before libtorch is loaded.</para>
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
    /// Prepares TorchSharp's native library to load when it is first used, and limits how long its threads spin. It never throws: if the
    /// library does not load, one line on the standard error stream says why and what to do, and then TorchSharp throws.
    /// </summary>
    public static void EnsureLoadable()
    {
        if (!OperatingSystem.IsLinux() || !IsOn || Interlocked.Exchange(ref isSubscribed, 1) == 1) return;
        OpenMpSpin.Bound();
        var context = AssemblyLoadContext.GetLoadContext(typeof(TorchNativeLibrary).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
    }

    /// <summary>Loads TorchSharp's native library now. Does nothing if it is already loaded, and on systems other than Linux.</summary>
    /// <exception cref="DllNotFoundException">The library does not load; the message says what is missing and what to do.</exception>
    public static void EnsureLoaded()
    {
        if (!OperatingSystem.IsLinux()) return;
        if (IsOn) OpenMpSpin.Bound();
        if (NativeLibrary.TryLoad(FileName, out _)) return;
        var library = Find(typeof(TorchSharp.torch).Assembly)
            ?? throw new DllNotFoundException(
                $"{FileName} was not found: TorchSharp has none for this system, or it is not next to the program.");
        Load(library);
    }

    /// <summary>Loads the library after .NET has failed to load it; .NET calls this method.</summary>
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

    /// <summary>Finds the library's file in the folders where .NET looks for native libraries, or in TorchSharp's package.</summary>
    private static string? Find(Assembly torch) =>
        SearchFolders.Append(AppContext.BaseDirectory).Concat(PackageFolders(torch))
            .Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists);

    /// <summary>The folder in a package that has the native libraries for this system.</summary>
    private static string PackageLibraries { get; } =
        Path.Combine("runtimes", $"linux-{RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}", "native");

    private static string[] SearchFolders => (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);

    private const string EmptyLocation = "In a single file the location is empty. Then nothing is found here.";

    /// <summary>The assembly's own folder. If that is lib/FRAMEWORK of an unpacked package, also the package's folder of native
    /// libraries.</summary>
    [UnconditionalSuppressMessage("SingleFile", "IL3000", Justification = EmptyLocation)]
    [SuppressMessage("ApiDesign", "RS0030", Justification = EmptyLocation)]
    private static IEnumerable<string> PackageFolders(Assembly torch)
    {
        if (Path.GetDirectoryName(torch.Location) is not { Length: > 0 } folder) yield break;
        yield return folder;
        yield return Path.GetFullPath(Path.Combine(folder, "..", "..", PackageLibraries));
    }

    /// <summary>Loads a library that is not next to TorchSharp's: from the folders where .NET looks, from the place where the host of a
    /// script finds it, or from the system's folders.</summary>
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
        // First load the libraries next to it (libtorch): a copy in another folder would not find them, and a later failure is then the
        // library's own. The C and C++ runtimes, which have versions, are already in the process and must not be loaded twice.
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

        var more = !IsOn ? $" The fix is switched off by {Switch}."
            : failures.Count > 0 ? $" A copy that requires less could not be loaded from memory ({string.Join("; ", failures.Distinct())})."
            : "";
        throw new DllNotFoundException($"{library} does not load: {ReasonOf(library)}. {Advice(library, elf)}{more}");
    }

    /// <summary>Says what to do if the library does not load although everything that it needs exists. The reason is either the C++
    /// runtime, or libraries of the system that were loaded instead of those of a backend package.</summary>
    [SupportedOSPlatform("linux")]
    private static string Advice(string library, ElfLibrary elf)
    {
        var folder = Path.GetDirectoryName(library)!;
        var foreign = LoadedFiles.Of(elf.Needed.Where(name => name.Contains("torch", StringComparison.Ordinal)))
            .Where(file => Path.GetDirectoryName(file) is var place && place != folder
                && !place!.EndsWith(PackageLibraries, StringComparison.Ordinal)).ToList();
        return foreign.Count == 0
            ? "Install a libstdc++ of GCC 13 or later (Debian 13, Ubuntu 24.04 and RHEL 10 have one)."
            : $"It was loaded with a libtorch that is not from a package of TorchSharp: "
                + $"{string.Join(", ", foreign.Select(LoadedFiles.WithVersion))}. {Backends}";
    }

    /// <summary>Loads a copy from a file in memory. Such a file has no name in any folder, so nobody can replace it between writing and
    /// loading. It is also sealed, so nobody can write to it any more.</summary>
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
            failures.Add($"a file in memory could not be made: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
            return false;
        }
        var path = $"/proc/self/fd/{file.DangerousGetHandle()}";
        if (NativeLibrary.TryLoad(path, out handle))
        {
            // It stays open. The system's loader knows the library by this path, so no other file may get the same path.
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
