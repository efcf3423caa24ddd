using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>The store in a file does with canaries what every store does.</summary>
public sealed class SqliteCanaryTests : CanaryConformance, IDisposable
{
    private readonly TempFolder folder = new();

    protected override VectorStore Open(GalleryCanaries? canaries) =>
        new SqliteVectorStore(folder.File("gallery.db")) { Canaries = canaries };

    protected override Task<GalleryCanaries?> StoredAsync(VectorStoreCollection<int, Keyed<int>> records) =>
        ((ExactCollection<int, Keyed<int>>)records).GetCanariesAsync();

    public void Dispose() => folder.Dispose();
}
