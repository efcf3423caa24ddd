using System.Diagnostics;
using System.Runtime.Versioning;

namespace MetricLearning.Tests;

[SupportedOSPlatform("linux")]
public sealed class PrivateFolderTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private static readonly byte[] content = [1, 2, 3, 4];

    private readonly string root = Directory.CreateTempSubdirectory("metriclearning-test-").FullName;
    private string Folder => Path.Combine(root, "a", "b");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void MakesFolderAndFileForTheUserAlone()
    {
        RequireLinux();
        var path = PrivateFolder.Put(Folder, "x.so", content);
        Assert.Equal(content, File.ReadAllBytes(path));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Folder));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(Folder));
    }

    [Fact]
    public void LeavesTheRightFileAsItIs()
    {
        RequireLinux();
        var path = PrivateFolder.Put(Folder, "x.so", content);
        var written = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(path, written);
        Assert.Equal(path, PrivateFolder.Put(Folder, "x.so", content));
        Assert.Equal(written, File.GetLastWriteTimeUtc(path));
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 1, 2, 3, 5 })]
    [InlineData(new byte[] { })]
    public void ReplacesAFileThatIsNotTheSame(byte[] corrupted)
    {
        RequireLinux();
        var path = PrivateFolder.Put(Folder, "x.so", content);
        File.WriteAllBytes(path, corrupted);
        PrivateFolder.Put(Folder, "x.so", content);
        Assert.Equal(content, File.ReadAllBytes(path));
    }

    [Fact]
    public void ReplacesAFileThatOthersMayWrite()
    {
        RequireLinux();
        var path = PrivateFolder.Put(Folder, "x.so", content);
        File.SetUnixFileMode(path, OwnerOnly | UnixFileMode.OtherWrite);
        PrivateFolder.Put(Folder, "x.so", content);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(path));
    }

    [Fact]
    public void ReplacesALinkAndNotWhatItLinksTo()
    {
        RequireLinux();
        var path = PrivateFolder.Put(Folder, "x.so", content);
        var elsewhere = Path.Combine(root, "elsewhere");
        File.WriteAllBytes(elsewhere, content);
        File.Delete(path);
        File.CreateSymbolicLink(path, elsewhere);
        PrivateFolder.Put(Folder, "x.so", content);
        Assert.Null(new FileInfo(path).LinkTarget);
        File.WriteAllBytes(elsewhere, [9]);
        Assert.Equal(content, File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void RefusesAFolderThatOthersMayWriteTo(UnixFileMode more)
    {
        RequireLinux();
        Directory.CreateDirectory(Folder);
        File.SetUnixFileMode(Folder, OwnerOnly | more);
        AssertRefused();
    }

    [Fact]
    public void RefusesAFolderThatIsALink()
    {
        RequireLinux();
        var target = Directory.CreateDirectory(Path.Combine(root, "target"), OwnerOnly).FullName;
        Directory.CreateDirectory(Path.GetDirectoryName(Folder)!);
        Directory.CreateSymbolicLink(Folder, target);
        AssertRefused();
        Assert.Empty(Directory.GetFileSystemEntries(target));
    }

    [Fact]
    public void RefusesTheFolderOfAnotherUser()
    {
        RequireLinux();
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root may give a folder away");
        Directory.CreateDirectory(Folder, OwnerOnly);
        using (var chown = Process.Start("chown", ["12345", Folder])) chown.WaitForExit();
        AssertRefused();
    }

    [Fact]
    public void CandidatesAreTheCacheAndThenTheTemporaryFolder()
    {
        RequireLinux();
        var candidates = PrivateFolder.Candidates().ToList();
        Assert.EndsWith(Path.Combine(".cache", "metriclearning"), candidates[^2], StringComparison.Ordinal);
        Assert.StartsWith(Path.Combine(Path.GetTempPath(), "metriclearning-"), candidates[^1], StringComparison.Ordinal);
    }

    private void AssertRefused()
    {
        var refusal = Assert.Throws<UnauthorizedAccessException>(() => PrivateFolder.Put(Folder, "x.so", content));
        Assert.Contains("others may write", refusal.Message, StringComparison.Ordinal);
    }

    private static void RequireLinux() => Assert.SkipUnless(OperatingSystem.IsLinux(), "is about Linux");
}
