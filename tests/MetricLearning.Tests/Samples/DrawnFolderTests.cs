extern alias sample;

using sample::MetricLearning.Samples;
using sample::PersonReId.Synthetic;

namespace MetricLearning.Tests;

/// <summary>Tests where PersonReId draws its images: it never deletes those of others, and never leaves a part of a dataset.</summary>
public sealed class DrawnFolderTests : IDisposable
{
    private static readonly SyntheticPedestrians few = new() { TrainIdentities = 2, TestIdentities = 2, Cameras = 2 };
    private readonly string folder = Directory.CreateTempSubdirectory("drawn").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("bounding_box_train")]
    [InlineData("query")]
    [InlineData("bounding_box_test")]
    public void ImagesOfOthers_AreNeverDeleted(string part)
    {
        var theirs = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, part)).FullName, "0001_c1s1_000001_01.jpg");
        File.WriteAllText(theirs, "theirs");
        var error = Assert.Throws<UserErrorException>(() => few.DrawTo(folder, null, TestContext.Current.CancellationToken));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Equal([theirs], Files());
    }

    [Fact]
    public void ItsOwnImages_AreReplaced_AndKnown()
    {
        few.DrawTo(folder, null, TestContext.Current.CancellationToken);
        Assert.True(new DrawnFolder(folder).Holds(few));
        var more = few with { TrainIdentities = 3 };
        Assert.False(new DrawnFolder(folder).Holds(more));
        more.DrawTo(folder, null, TestContext.Current.CancellationToken);
        Assert.True(new DrawnFolder(folder).Holds(more));
        Assert.Equal(more.Count, Files().Count(file => file.EndsWith(".jpg", StringComparison.Ordinal)));
    }

    [Fact]
    public void AStoppedDraw_LeavesTheFolderAsItWas()
    {
        Stop();
        Assert.Empty(Files());
        few.DrawTo(folder, null, TestContext.Current.CancellationToken);
        var before = Files();
        Stop();
        Assert.Equal(before, Files());
        Assert.True(new DrawnFolder(folder).Holds(few));

        void Stop()
        {
            using var stop = new CancellationTokenSource();
            Assert.ThrowsAny<OperationCanceledException>(() => (few with { Seed = 2 }).DrawTo(folder, new Stopper(stop), stop.Token));
        }
    }

    private string[] Files() => [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    /// <summary>Stops a draw after its first image.</summary>
    private sealed class Stopper(CancellationTokenSource stop) : IProgress<int>
    {
        public void Report(int value) => stop.Cancel();
    }
}
