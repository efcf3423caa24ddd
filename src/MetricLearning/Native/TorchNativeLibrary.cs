using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace MetricLearning;

/// <summary>
/// Makes TorchSharp's native library load on Linux systems with an older C++ runtime than the one it was built with (Debian 12, Ubuntu
/// 22.04, RHEL 9).
/// </summary>
/// <remarks>
/// <para>TorchSharp 0.107 requires version GLIBCXX_3.4.32 of libstdc++, although it uses nothing of that version. Only after .NET has
/// failed to load the library, a copy that does not require that version is loaded instead; the library's own file is never changed. The
/// copy is kept in the user's cache folder (<c>$XDG_CACHE_HOME/metriclearning</c>, <c>~/.cache/metriclearning</c>, else a folder in the
/// temporary folder), or in memory if no folder is suitable. On other systems, and if the library loads by itself, nothing happens.</para>
/// <para>A C# project that references this package calls <see cref="EnsureLoadable"/> automatically when it starts. Programs in other
/// languages call <see cref="EnsureLoaded"/> before they use TorchSharp. The environment variable <c>METRICLEARNING_NATIVE_FIX=0</c>
/// switches everything off; the MSBuild property <c>MetricLearningNativeFix=false</c> switches off the automatic call.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
public static partial class TorchNativeLibrary
{
    private const string LibraryName = "LibTorchSharp", FileName = "libLibTorchSharp.so", Switch = "METRICLEARNING_NATIVE_FIX";

    private static readonly object gate = new();
    private static int isSubscribed, hasWarned;

    private static bool IsOn => Environment.GetEnvironmentVariable(Switch)?.ToUpperInvariant() is not ("0" or "FALSE" or "OFF");

    /// <summary>
    /// Prepares TorchSharp's native library to load when it is first used. It does nothing until then and never throws: if the library does
    /// not load, one line on the standard error stream says why and what to do, and TorchSharp throws.
    /// </summary>
    public static void EnsureLoadable()
    {
        if (!OperatingSystem.IsLinux() || !IsOn || Interlocked.Exchange(ref isSubscribed, 1) == 1) return;
        var context = AssemblyLoadContext.GetLoadContext(typeof(TorchNativeLibrary).Assembly) ?? AssemblyLoadContext.Default;
        context.ResolvingUnmanagedDll += Resolve;
    }

    /// <summary>Loads TorchSharp's native library now. Does nothing if it is loaded already, and on systems other than Linux.</summary>
    /// <exception cref="DllNotFoundException">The library does not load; the message says what is missing and what to do.</exception>
    public static void EnsureLoaded()
    {
        if (!OperatingSystem.IsLinux() || NativeLibrary.TryLoad(FileName, out _)) return;
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

    /// <summary>The library's file, where .NET looks for native libraries.</summary>
    private static string? Find(Assembly torch)
    {
        var folders = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return folders.Append(AppContext.BaseDirectory).Append(Path.GetDirectoryName(torch.Location) ?? "")
            .Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists);
    }

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
            .Where(name => !NativeLibrary.TryLoad(Path.Combine(folder, name), out _) && !NativeLibrary.TryLoad(name, out _)).ToList();
        if (missing.Count > 0)
            throw new DllNotFoundException(
                $"{library} needs {string.Join(", ", missing)}, which cannot be loaded: {ReasonOf(Path.Combine(folder, missing[0]))}. "
                + "Reference one native backend of TorchSharp: libtorch-cpu-linux-x64, TorchSharp-cpu or TorchSharp-cuda-linux.");

        if (NativeLibrary.TryLoad(FileName, out var handle) || NativeLibrary.TryLoad(library, out handle)) return handle;
        var failures = new List<string>();
        foreach (var olderWait in IsOn ? (bool[])[false, true] : [])
            if (elf.Weakened(olderWait) is { } copy && TryLoadCopy(copy, failures, out handle)) return handle;

        var more = !IsOn ? $" The mend is switched off by {Switch}."
            : failures.Count > 0 ? $" No copy that asks for less could be put anywhere ({string.Join("; ", failures.Distinct())}): "
                + "let XDG_CACHE_HOME name a folder of yours from which programs may run."
            : "";
        throw new DllNotFoundException(
            $"{library} does not load: {ReasonOf(library)}. Install a libstdc++ of GCC 13 or later (Debian 13, Ubuntu 24.04 and RHEL 10 "
                + $"have one).{more}");
    }

    [SupportedOSPlatform("linux")]
    private static bool TryLoadCopy(byte[] copy, List<string> failures, out nint handle)
    {
        var name = $"libLibTorchSharp-{Convert.ToHexString(SHA256.HashData(copy))[..32]}.so";
        foreach (var folder in PrivateFolder.Candidates())
        {
            try
            {
                var path = PrivateFolder.Put(folder, name, copy);
                if (NativeLibrary.TryLoad(path, out handle)) return true;
                var reason = ReasonOf(path);
                if (reason.Contains("GLIBCXX_", StringComparison.Ordinal)) return false; // a missing version is missing for every folder
                failures.Add(reason);
            }
            catch (Exception refusal) when (refusal is IOException or UnauthorizedAccessException)
            {
                failures.Add($"{folder}: {refusal.Message}");
            }
        }
        return TryLoadFromMemory(copy, failures, out handle);
    }

    [SupportedOSPlatform("linux")]
    private static bool TryLoadFromMemory(byte[] copy, List<string> failures, out nint handle)
    {
        const uint closeOnExecute = 1;
        handle = 0;
        using var file = new SafeFileHandle(memfd_create(FileName, closeOnExecute), ownsHandle: true);
        if (file.IsInvalid)
        {
            failures.Add("no file in memory");
            return false;
        }
        RandomAccess.Write(file, copy, 0);
        var path = $"/proc/self/fd/{file.DangerousGetHandle()}";
        if (NativeLibrary.TryLoad(path, out handle)) return true;
        failures.Add(ReasonOf(path));
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

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);
}
