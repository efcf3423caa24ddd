namespace MetricLearning.Tests;

/// <summary>Tests that the sample starts from ImageNet's weights, and prepares images as these weights need them.</summary>
[Collection(SmallRun.Tests.Name)]
public sealed class ImageNetWeightsTests(SmallRun run)
{
    [Fact]
    public void Training_StartsFromThem_AndTheCheckpointSaysHowImagesArePrepared()
    {
        var folder = run.NewFolder();
        string[] same = ["--data", run.Data, "--device", "cpu", "--workers", "1"];
        var output = SmallRun.Finish(["train", "--output", folder, "--weights", "imagenet", "--size", "32", "32", "--epochs", "1",
            "--batch", "3", "2", "--eval-every", "0", .. same]);
        Assert.Matches(@"weights: 1\d\d tensors loaded \(ImageNet\)", output);
        var last = Path.Combine(folder, TrainingCheckpoint.LastFile);
        var space = EmbeddingSpace.Read(last)!;
        Assert.Equal(("cntk_resnet18", 32, 512L), (space.Architecture, space.Height!.Value, space.Dimension!.Value));
        Assert.All(space.Deviation!, value => Assert.Equal(1 / 255f, value));
        // The red of ImageNet is brighter than its blue.
        Assert.True(space.Mean is [> 0.46f and < 0.50f, _, > 0.38f and < 0.43f], space.ToString());
        Assert.DoesNotContain("warning", SmallRun.Finish(["evaluate", "--weights", last, .. same]), StringComparison.Ordinal);
    }
}
