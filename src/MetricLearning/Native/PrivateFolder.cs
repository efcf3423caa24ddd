using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MetricLearning;

/// <summary>A folder that only this user may write to (Linux), so that other users cannot change a library in it before it is
/// loaded.</summary>
[SupportedOSPlatform("linux")]
internal static partial class PrivateFolder
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode OthersWrite = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>The folders to try, best first: in the user's cache, then in the temporary folder.</summary>
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
    /// Puts a file into the folder, which is created if it does not exist. An existing file with the same bytes stays; any other is
    /// replaced in one step, so that programs that start together never see half a file.
    /// </summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">Others may write to the folder, or this user may not.</exception>
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

    /// <summary>Whether the path itself (not the target of a link) is of this kind, belongs to this user, and nobody else may write to
    /// it.</summary>
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
