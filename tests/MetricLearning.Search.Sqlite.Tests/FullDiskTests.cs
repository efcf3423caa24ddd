using System.Diagnostics;

namespace MetricLearning.Search.Tests;

/// <summary>On a full disk a call says which file and what to do, loses nothing that was committed, and leaves no part of what was not.
/// When there is room again, everything goes on.</summary>
/// <remarks>The disk is a small one in memory, which a process of its own mounts for itself alone. Where that is not allowed, the size of
/// files is limited instead.</remarks>
public class FullDiskTests
{
    /// <summary>The megabytes of the disk, and those of them that are taken at first.</summary>
    private const int Megabytes = 64, Taken = 44;

    [Fact]
    public async Task AFullDisk_LosesNothing_AndIsNamed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && await RunAsync("true", "unshare", "-rm", "sh", "-c") is (0, _),
            "this system does not let a process mount a disk of its own");
        using var folder = new TempFolder();
        var mount = $"mount -t tmpfs -o size={Megabytes}m tmpfs {folder.File("")}";
        Assert.SkipUnless(await RunAsync(mount, "unshare", "-rm", "sh", "-c") is (0, _), "this system does not mount a disk in memory");
        await PassesAsync($"""
            {mount}
            head -c {Taken}M /dev/zero > {folder.File("taken")}
            committed=$({Indexer("full", folder)})
            rm {folder.File("taken")}
            {Indexer("room", folder)} $committed
            """, "unshare", "-rm", "sh", "-ec");
    }

    /// <summary>A limit of the user is another error of the system than a full disk.</summary>
    [Fact]
    public async Task AFileAtItsLimit_LosesNothing_AndIsNamed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the size of files is limited on Linux only");
        using var folder = new TempFolder();
        await PassesAsync($"""
            trap '' XFSZ
            committed=$(ulimit -f 20000; {Indexer("full", folder)})
            {Indexer("room", folder)} $committed
            """, "bash", "-ec");
    }

    private static string Indexer(string act, TempFolder folder) =>
        $"dotnet {Path.Combine(AppContext.BaseDirectory, "MetricLearning.Search.Indexer.dll")} {act} {folder.File("")}";

    private static async Task PassesAsync(string script, params string[] shell)
    {
        var (code, said) = await RunAsync(script, shell);
        Assert.True(code == 0, said);
        TestContext.Current.TestOutputHelper!.WriteLine(said);
    }

    private static async Task<(int Code, string Said)> RunAsync(string script, params string[] shell)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(shell[0], [.. shell[1..], script])
            {
                RedirectStandardError = true, RedirectStandardOutput = true,
                // The runtime keeps code in a file in memory, which the limit on files would not allow.
                Environment = { ["DOTNET_EnableWriteXorExecute"] = "0" },
            })!;
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, errors + await output);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (-1, e.Message);     // there is no such program
        }
    }
}
