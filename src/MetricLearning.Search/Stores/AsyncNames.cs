namespace MetricLearning.Search;

/// <summary>A list that is there, as an asynchronous one.</summary>
internal static class AsyncNames
{
    public static async IAsyncEnumerable<string> Of(IEnumerable<string> names)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var name in names) yield return name;
    }
}
