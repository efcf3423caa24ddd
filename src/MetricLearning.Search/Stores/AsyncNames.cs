namespace MetricLearning.Search;

/// <summary>Turns a list into an asynchronous sequence.</summary>
internal static class AsyncNames
{
    public static async IAsyncEnumerable<string> Of(IEnumerable<string> names)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var name in names) yield return name;
    }
}
