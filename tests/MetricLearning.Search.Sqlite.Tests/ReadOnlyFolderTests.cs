namespace MetricLearning.Search.Tests;

/// <summary>Tests that a gallery is searched in a folder that cannot be written to, with and without packed files.</summary>
public sealed class ReadOnlyFolderTests
{
    [Theory, InlineData(true), InlineData(false)]
    public async Task AGalleryInAReadOnlyFolder_IsSearched(bool packed)
    {
        using var gallery = new Gallery(2 * Gallery.BlockRows);
        if (packed) await gallery.CheckAsync(queries: 1);
        Assert.Equal(packed, gallery.Files.Length > 0);
        gallery.Store.Dispose();
        var folder = Path.GetDirectoryName(gallery.Path)!;
        var mount = $"mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}";
        await Shell.SkipUnlessItMountsAsync(mount);
        using var said = new TempFolder();
        await Shell.PassesAsync($"{mount}; {Shell.Indexer($"look {gallery.Path}")} > {said.File("said.txt")}",
            "unshare", "-rm", "sh", "-ec");
        var lines = await File.ReadAllLinesAsync(said.File("said.txt"), TestContext.Current.CancellationToken);
        var nearest = PlainSearch.Nearest(SearchMetric.Cosine, [.. Enumerable.Repeat(1f, Gallery.Width)],
            gallery.Expected.Select(row => (row.Key, row.Value)), 12);
        Assert.Equal(string.Join(" ", nearest.Select(hit => hit.Key)), lines[0]);
        Assert.StartsWith(gallery.Path, lines[1], StringComparison.Ordinal);
        Assert.Contains("Make the file and its folder writable", lines[1], StringComparison.Ordinal);
        gallery.Reopen();
        await gallery.CheckAsync(queries: 1);
    }
}
