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

    /// <summary>A limit of the user is another error of the system than a full disk.</summary>
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
