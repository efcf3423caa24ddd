using System.Diagnostics;
using System.Text;

namespace MetricLearning.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("atomic").FullName;

    private string Target => Path.Combine(folder, "last.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static void Write(string path, string text) => AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    private static string LeftOver(string target, string text)
    {
        var path = $"{target}.{Guid.NewGuid():N}.tmp";
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public void LeftoversOfKilledSaves_AreDeletedByTheNext()
    {
        for (var i = 0; i < 3; i++) LeftOver(Target, "half a fi");
        File.SetLastWriteTimeUtc(LeftOver(Target, ""), DateTime.UtcNow.AddHours(-1));
        Write(Target, "new");
        Assert.Equal([Target], Directory.GetFiles(folder));
        Assert.Equal("new", File.ReadAllText(Target));
    }

    [Fact]
    public void FilesThatAreNotLeftoversOfThisTarget_Stay()
    {
        string[] others =
        [
            LeftOver(Target + ".best", "of another target"), LeftOver(Path.Combine(folder, "best"), "of another target"),
            LeftOver(Target, ""),       // perhaps another process has just created it
            Path.Combine(folder, "last.safetensors.mine.tmp"), Path.Combine(folder, $"last.safetensors.{new string('x', 32)}.tmp"),
        ];
        foreach (var name in others[3..]) File.WriteAllText(name, "the user's");
        Write(Target, "new");
        Assert.Equal([.. others.Append(Target).Order()], Directory.GetFiles(folder).Order());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public void AFolder_IsRefused(string end)
    {
        Assert.Equal($"{folder}{end} is a folder, so no file can be written there.",
            Assert.Throws<IOException>(() => Write(folder + end, "new")).Message);
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public void AFileThatIsBeingWritten_Stays()
    {
        AtomicFile.Write(Target, outer =>
        {
            outer.Write("outer"u8);
            outer.Flush();
            Write(Target, "inner");
            Assert.Equal(2, Directory.GetFiles(folder).Length);
        });
        Assert.Equal("outer", File.ReadAllText(Target));
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void Writers_AtOnce_DoNotDisturbOneAnother()
    {
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i => Write(Target, new string((char)('a' + i % 26), 5000)));
        Assert.Single(File.ReadAllText(Target).Distinct());
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void ALinkedTarget_StaysALink()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows makes links for administrators only.");
        var store = Directory.CreateDirectory(Path.Combine(folder, "store")).FullName;
        var real = Path.Combine(store, "real");
        File.WriteAllText(real, "old");
        var between = File.CreateSymbolicLink(Path.Combine(folder, "between"), Path.Combine("store", "real")).FullName;
        File.CreateSymbolicLink(Target, between);
        Write(Target, "new");
        Assert.Equal(between, new FileInfo(Target).LinkTarget);
        Assert.Equal("new", File.ReadAllText(real));
        Assert.Equal([real], Directory.GetFiles(store));

        File.Delete(real);      // now the link points to a file that does not exist
        Write(Target, "newer");
        Assert.Equal("newer", File.ReadAllText(real));
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead)]
    public void TheMode_IsKept(UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no modes of files.");
            return;
        }
        File.WriteAllText(Target, "old");
        File.SetUnixFileMode(Target, mode);
        AtomicFile.Write(Target, stream =>
            Assert.True(!OperatingSystem.IsWindows() && File.GetUnixFileMode(((FileStream)stream).SafeFileHandle) == mode));
        Assert.Equal(mode, File.GetUnixFileMode(Target));
    }

    [Fact]
    public void ADevice_IsWritten_AndStaysADevice()
    {
        if (!File.Exists("/dev/null")) return;
        Write("/dev/null", "nothing");
        Assert.Equal(0, new FileInfo("/dev/null").Length);
    }

    [Fact]
    public void AFileThatCannotBeCreated_IsNamed_AndNotTheTemporaryOne()
    {
        var missing = Path.Combine(folder, "none", "x");
        var inFile = Path.Combine(Target, "x");
        File.WriteAllText(Target, "a file");
        Fails<DirectoryNotFoundException>($"{missing}: there is no folder {Path.Combine(folder, "none")}. Create it first.", missing);
        Fails<DirectoryNotFoundException>($"{inFile}: there is no folder {Target}. Create it first.", inFile);
        var longest = Path.Combine(folder, new string('x', 250));
        if (!OperatingSystem.IsWindows()) Fails<PathTooLongException>($"{longest}: the name is too long", longest);
        Assert.Equal([Target], Directory.GetFileSystemEntries(folder));

        static void Fails<TException>(string message, string path) where TException : Exception
        {
            var error = Assert.Throws<TException>(() => Write(path, "new"));
            Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(".tmp", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AWriterThatThrows_LeavesNothing()
    {
        File.WriteAllText(Target, "old");
        Assert.Throws<UnreachableException>(() => AtomicFile.Write(Target, _ => throw new UnreachableException()));
        Assert.Equal("old", File.ReadAllText(Target));
        Assert.Single(Directory.GetFiles(folder));
    }
}
