namespace MetricLearning.Search.Tests;

/// <summary>Tests that a call on a full disk names the file and says what to do. It loses nothing that was committed, and leaves no part of
/// what was not. When there is room again, everything goes on.</summary>
/// <remarks>The first test runs in a process of its own, which mounts a small disk in memory for itself alone. Where that is not allowed,
/// this test is skipped. The second test needs no such disk: it limits the size of files.</remarks>
public class FullDiskTests
{
    /// <summary>The size of the disk in megabytes, and how much of it is taken at first.</summary>
    private const int Megabytes = 64, Taken = 44;

    [Fact]
    public async Task AFullDisk_LosesNothing_AndIsNamed()
    {
        using var folder = new TempFolder();
        var mount = $"mount -t tmpfs -o size={Megabytes}m tmpfs {folder.File("")}";
        await Shell.SkipUnlessItMountsAsync(mount);
        await Shell.PassesAsync($"""
            {mount}
            head -c {Taken}M /dev/zero > {folder.File("taken")}
            committed=$({Shell.Indexer($"full {folder.File("")}")})
            rm {folder.File("taken")}
            {Shell.Indexer($"room {folder.File("")}")} $committed
            """, "unshare", "-rm", "sh", "-ec");
    }

    /// <summary>A limit on the size of files gives another system error than a full disk.</summary>
    [Fact]
    public async Task AFileAtItsLimit_LosesNothing_AndIsNamed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the size of files is limited on Linux only");
        using var folder = new TempFolder();
        await Shell.PassesAsync($"""
            trap '' XFSZ
            committed=$(ulimit -f 20000; {Shell.Indexer($"full {folder.File("")}")})
            {Shell.Indexer($"room {folder.File("")}")} $committed
            """, "bash", "-ec");
    }
}
