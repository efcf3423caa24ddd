using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MetricLearning;

/// <summary>A folder of this user alone (Linux), in which a file that is going to be run is safe from other users.</summary>
[SupportedOSPlatform("linux")]
internal static partial class PrivateFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>Where such a folder may be, best first: the user's cache, then the temporary folder.</summary>
    public static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } cache && Path.IsPathFullyQualified(cache))
            yield return Path.Combine(cache, "metriclearning");
        if (Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify)
            is { Length: > 0 } home)
            yield return Path.Combine(home, ".cache", "metriclearning");
        yield return Path.Combine(Path.GetTempPath(), $"metriclearning-{geteuid()}");
    }

    /// <summary>
    /// Puts a file into the folder, which is made where it is not there. A file with these very bytes stays as it is; any other is replaced
    /// in one step, so that programs which start together never see half of it.
    /// </summary>
    /// <exception cref="IOException">The folder, or the disk under it, does not take the file.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder is not this user's alone, or may not be written to.</exception>
    public static string Put(string folder, string name, byte[] content)
    {
        Directory.CreateDirectory(folder, OwnerOnly);
        if (!IsPrivate(folder, FileKind.Folder)) throw new UnauthorizedAccessException(
            "the folder is a link, another user's, or others may write to it");
        var path = Path.Combine(folder, name);
        if (IsPrivate(path, FileKind.File) && File.ReadAllBytes(path).AsSpan().SequenceEqual(content)) return path;

        var partial = Path.Combine(folder, $"{name}.{Guid.NewGuid():N}");
        try
        {
            using (var file = new FileStream(partial, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write,
                UnixCreateMode = OwnerOnly }))
                file.Write(content);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
        return path;
    }

    private enum FileKind { Folder = 0x4000, File = 0x8000 }

    /// <summary>Whether the path itself (not what it links to) is of this kind, this user's, and closed to the writes of others.</summary>
    private static bool IsPrivate(string path, FileKind kind)
    {
        const int currentFolder = -100, noFollow = 0x100, kindModeAndOwner = 0x1 | 0x2 | 0x8, kindBits = 0xf000;
        return statx(currentFolder, path, noFollow, kindModeAndOwner, out var status) == 0
            && (status.Mode & kindBits) == (int)kind
            && status.Owner == geteuid()
            && ((UnixFileMode)(status.Mode & ~kindBits) & OthersWrite) == 0;
    }

    /// <summary>The kernel's <c>struct statx</c>, which is the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(20)] public uint Owner;
        [FieldOffset(28)] public ushort Mode;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, out FileStatus status);

    [LibraryImport("libc")]
    private static partial uint geteuid();
}
