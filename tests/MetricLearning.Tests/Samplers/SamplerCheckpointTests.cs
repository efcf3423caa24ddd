using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a checkpoint continues the epoch of every sampler in <see cref="SamplerTable"/>, or refuses to.</summary>
[LeavesNoTensors]
public sealed class SamplerCheckpointTests : IDisposable
{
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public static TheoryData<string> Samplers => [.. SamplerTable.Names];

    public static TheoryData<string> Seeded => [.. SamplerTable.Seeded];

    public void Dispose() => File.Delete(file);

    [Theory, MemberData(nameof(Samplers))]
    public void AResumedRun_GivesTheRestOfTheEpoch(string name)
    {
        var unbroken = SamplerTable.Create(name);
        ToTheMiddle(unbroken);
        Save(unbroken);
        var resumed = SamplerTable.Create(name);
        Load(resumed);
        Assert.Equal(unbroken.State, resumed.State);
        Assert.Equal(unbroken.Batches().ToList(), resumed.Batches().ToList());
        Assert.Equal(unbroken.Batches().ToList(), resumed.Batches().ToList());
    }

    [Theory, MemberData(nameof(Seeded))]
    public void ASamplerThatDrawsOtherBatches_IsRefused_AndNothingChanges(string name)
    {
        var saved = new Shifted(SamplerTable.Create(name));
        ToTheMiddle(saved);
        Save(saved);
        var other = new Shifted(SamplerTable.Create(name), by: 1);
        Assert.Contains("'sampler' draws other batches in epoch 1 than when it was saved",
            Assert.Throws<InvalidDataException>(() => Load(other)).Message, StringComparison.Ordinal);
        Assert.Equal(default, other.State);
    }

    [Fact]
    public void TheNeighborsOfAGraphSampler_AreSavedWithIt()
    {
        using var scope = NewDisposeScope();
        var points = LossTable.Random(3, 20, 2);
        var unbroken = Graph();
        unbroken.Update(points, Distance.Euclidean);
        ToTheMiddle(unbroken);
        Save(unbroken);
        var resumed = Graph();
        Load(resumed);
        Assert.Equal(unbroken.Neighbors!, resumed.Neighbors!);
        Assert.Equal(unbroken.Batches().ToList(), resumed.Batches().ToList());

        // The same number of images and identities, but images belong to other identities.
        var reversed = Graph([.. SamplerTable.Labels.Reverse()]);
        Assert.Contains("draws other batches", Assert.Throws<InvalidDataException>(() => Load(reversed)).Message, StringComparison.Ordinal);
        Assert.Null(reversed.Neighbors);

        Save(Graph());
        Load(resumed);
        Assert.Null(resumed.Neighbors);
    }

    private static GraphSampler Graph(long[]? labels = null) => new(labels ?? SamplerTable.Labels, 4, 3, seed: 2);

    /// <summary>Puts a sampler into the middle of its second epoch.</summary>
    private static void ToTheMiddle(Sampler sampler) => sampler.State = new SamplerState(1, sampler.CountIn(1) / 2);

    private void Save(Sampler sampler) => CheckpointOf(sampler).Save(file);

    private void Load(Sampler sampler) => CheckpointOf(sampler).Load(file);

    private static TrainingCheckpoint CheckpointOf(Sampler sampler)
    {
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("sampler", sampler);
        return checkpoint;
    }

    /// <summary>Gives the batches of another sampler, with a number added to all rows: the counts are the same, the rows are not.</summary>
    private sealed class Shifted(Sampler inner, int by = 0) : Sampler(inner.WholeBatchSize, inner.Seed)
    {
        public override long[] Draw(int epoch) => Array.ConvertAll(inner.Draw(epoch), row => (row + by) % SamplerTable.Labels.Length);
    }
}
