namespace MetricLearning.Search.Tests;

public class ScanCompilationTests
{
    [Fact]
    public void ItsSearch_FindsTheEqualRowsInOrder()
    {
        var found = ScanCompilation.Search();
        // Rows repeat every 7 rows.
        Assert.Equal([0, 7, 14, 21], found.Select(neighbor => neighbor.Row));
        Assert.All(found, neighbor => Assert.Equal(1, neighbor.Score, 1e-12));
    }
}
