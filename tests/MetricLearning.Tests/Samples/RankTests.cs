namespace MetricLearning.Tests;

/// <summary>Tests how the command rank of PersonReId finds the queries that the user names.</summary>
[Collection(SmallRun.Tests.Name)]
public sealed class RankTests(SmallRun run)
{
    [Fact]
    public void AQuery_IsNamedByTheEndOfItsPath()
    {
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        var pictures = Directory.GetFiles(Path.Combine(run.Data, "query")).Order(StringComparer.Ordinal).Take(2).ToArray();
        foreach (var (name, picture) in "ab".Zip(pictures))
        {
            Directory.CreateDirectory(Path.Combine(folder, $"{name}"));
            File.Copy(picture, Path.Combine(folder, $"{name}", "1.jpg"));
        }
        File.WriteAllLines(Path.Combine(folder, "list.csv"),
        [
            "file,pid,cam,split", "a/1.jpg,1,1,query", "b/1.jpg,2,1,query", "a/1.jpg,1,2,gallery", "b/1.jpg,2,2,gallery",
        ]);
        Assert.Contains("identity 2, camera 1", Page("b/1.jpg"), StringComparison.Ordinal);
        Assert.Contains("identity 1, camera 1", Page(Path.Combine(folder, "a", "1.jpg")), StringComparison.Ordinal);
        Assert.Contains("--queries: 1.jpg is the name of 2 queries, such as a/1.jpg and b/1.jpg. Give more of the path.",
            Rank("1.jpg").Output, StringComparison.Ordinal);
        Assert.Contains("--queries: there is no query c/1.jpg.", Rank("c/1.jpg").Output, StringComparison.Ordinal);

        string Page(string query)
        {
            var (code, output) = Rank(query);
            Assert.True(code == 0, output);
            var page = File.ReadAllText(Path.Combine(folder, "page.html"));
            var start = page.IndexOf("alt=\"query: ", StringComparison.Ordinal);
            return page[start..page.IndexOf('>', start)];
        }

        (int Code, string Output) Rank(string query) => SmallRun.Run("rank", "--dataset", "csv", "--data",
            Path.Combine(folder, "list.csv"), "--weights", Path.Combine(run.Whole, TrainingCheckpoint.BestFile), "--device", "cpu",
            "--output", Path.Combine(folder, "page.html"), "--queries", query);
    }
}
