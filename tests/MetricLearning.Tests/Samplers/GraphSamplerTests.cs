using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class GraphSamplerTests
{
    [Fact]
    public void EachIdentity_MeetsItsNearest_WithKPicturesEach()
    {
        using var scope = NewDisposeScope();
        var sampler = new GraphSampler(SamplerTable.Labels, identitiesPerBatch: 4, imagesPerIdentity: 3, seed: 2);
        var identities = SamplerTable.Labels.Distinct().ToList();
        var points = LossTable.Random(3, sampler.Identities, 2);
        var distances = Distance.Euclidean.Matrix(points, points);
        sampler.Update(distances);

        var sizes = SamplerTable.Labels.GroupBy(label => label).ToDictionary(group => group.Key, group => group.Count());
        var centers = new List<int>();
        foreach (var batch in sampler.Draw(0).Chunk(sampler.BatchSize))
        {
            var groups = batch.Chunk(3).ToList();
            var met = groups.Select(group => identities.IndexOf(Assert.Single(group.Select(row => SamplerTable.Labels[row]).Distinct())))
                .ToList();
            Assert.All(groups, group => Assert.Equal(Math.Min(3, sizes[SamplerTable.Labels[group[0]]]), group.Distinct().Count()));
            var nearest = Enumerable.Range(0, sampler.Identities).Where(i => i != met[^1])
                .OrderBy(i => distances[met[^1], i].item<double>()).Take(3);
            Assert.Equal(nearest, met.SkipLast(1));
            centers.Add(met[^1]);
        }
        Assert.Equal(Enumerable.Range(0, sampler.Identities), centers.Order());
    }

    [Fact]
    public void EqualDistances_GoByTheOrderOfTheIdentities()
    {
        using var scope = NewDisposeScope();
        var sampler = new GraphSampler([5, 6, 7, 8], identitiesPerBatch: 3, imagesPerIdentity: 1);
        sampler.Update(zeros(4, 4));
        Assert.Equal([1, 2, 0, 2, 0, 1, 0, 1], sampler.Neighbors!);
    }

    /// <summary>There are so many identities that their distances are computed in several blocks.</summary>
    [Fact]
    public void Update_OfEmbeddings_FindsTheNeighborsOfTheWholeMatrix()
    {
        using var scope = NewDisposeScope();
        var labels = Enumerable.Range(0, 3_000).Select(i => (long)i).ToArray();
        var sampler = new GraphSampler(labels, identitiesPerBatch: 5, imagesPerIdentity: 1);
        // Whole numbers, so that many distances are equal, and exact in any order of addition.
        var points = randint(0, 40, [3_000, 2], dtype: ScalarType.Float32, generator: new Generator(4));
        sampler.Update(points, Distance.EuclideanSquared);
        var found = sampler.Neighbors!;

        var all = Distance.EuclideanSquared.Matrix(points, points);
        var expected = Enumerable.Range(0, 3_000).Where(i => i % 97 == 0).SelectMany(i => all[i].data<float>().ToArray()
            .Select((d, j) => (d, j)).Where(x => x.j != i).OrderBy(x => x.d).ThenBy(x => x.j).Take(4).Select(x => x.j));
        Assert.Equal(expected, Enumerable.Range(0, 3_000).Where(i => i % 97 == 0).SelectMany(i => found.Skip(i * 4).Take(4)));
        sampler.Update(all);
        Assert.Equal(found, sampler.Neighbors!);
    }

    [Fact]
    public void Update_RefusesEmbeddingsThatDoNotFit()
    {
        using var scope = NewDisposeScope();
        var sampler = new GraphSampler([0, 1, 2], 2, 1);
        Assert.Contains("embeddings must be [3, D], got [2, 4]",
            Assert.Throws<ArgumentException>(() => sampler.Update(zeros(2, 4), Distance.Cosine)).Message);
        Assert.Contains("embeddings", Assert.Throws<ArgumentException>(
            () => sampler.Update(full([3, 4], double.NaN), Distance.Cosine)).Message);
        Assert.Throws<ArgumentNullException>(() => sampler.Update(zeros(3, 4), null!));
        Assert.Null(sampler.Neighbors);
    }

    [Fact]
    public void SavedNeighbors_ResumeTheEpoch()
    {
        using var scope = NewDisposeScope();
        var points = LossTable.Random(3, 20, 2);
        var unbroken = new GraphSampler(SamplerTable.Labels, 4, 3, seed: 2);
        Assert.Null(unbroken.Neighbors);
        unbroken.Update(Distance.Euclidean.Matrix(points, points));
        var resumed = new GraphSampler(SamplerTable.Labels, 4, 3, seed: 2) { Neighbors = unbroken.Neighbors, State = new(1, 17) };
        Assert.Equal(unbroken.Draw(1)[17..], resumed);
    }

    /// <summary>The batches of an epoch that has begun belong to the neighbors of its start, so a checkpoint could not resume it.</summary>
    [Fact]
    public void Update_InTheMiddleOfAnEpoch_IsRefused()
    {
        using var scope = NewDisposeScope();
        var points = LossTable.Random(3, 20, 2);
        var sampler = new GraphSampler(SamplerTable.Labels, 4, 3, seed: 2);
        sampler.Update(points, Distance.Euclidean);
        foreach (var update in new Action[] { () => sampler.Update(-points, Distance.Cosine), () => sampler.Update(ones(20, 20)) })
        {
            var (before, epoch) = (sampler.Neighbors!, sampler.Draw(0));
            sampler.State = new(0, 12);
            Assert.Contains("Epoch 0 has begun (position 12)", Assert.Throws<InvalidOperationException>(update).Message);
            Assert.Equal(before, sampler.Neighbors!);
            Assert.Equal(epoch[12..], sampler);
            update();
        }
    }

    [Theory]
    [InlineData(new[] { 1, 2, 0, 1, 0, 1 }, "got 1 for itself")]
    [InlineData(new[] { 1, 2, 0, 2, 1, 1 }, "got 1 twice for identity 2")]
    public void Neighbors_AreDifferentOthers(int[] neighbors, string message)
    {
        var sampler = new GraphSampler([4, 5, 6], 3, 1) { Neighbors = [1, 2, 0, 2, 0, 1] };
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => sampler.Neighbors = neighbors).Message);
        Assert.Equal([1, 2, 0, 2, 0, 1], sampler.Neighbors!);
    }

    [Fact]
    public void Representatives_AreOnePictureOfEachIdentity()
    {
        var sampler = new GraphSampler(SamplerTable.Labels, 4, 3, seed: 2);
        Assert.Equal(SamplerTable.Labels.Distinct(), sampler.Representatives(0).Select(row => SamplerTable.Labels[row]));
        Assert.Equal(sampler.Representatives(1), sampler.Representatives(1));
        Assert.NotEqual(sampler.Representatives(0), sampler.Representatives(1));
    }

    [Fact]
    public void Errors_NameTheArgument()
    {
        using var scope = NewDisposeScope();
        var sampler = new GraphSampler([0, 1, 2], 2, 1);
        Assert.StartsWith("distances must be [3, 3], got [2, 3].", Assert.Throws<ArgumentException>(
            () => sampler.Update(zeros(2, 3))).Message);
        Assert.StartsWith("distances must be finite, got NaN in row 1, column 1.", Assert.Throws<ArgumentException>(() => sampler.Update(
            tensor(new[,] { { 0, 1, 1 }, { 1, float.NaN, 1 }, { 1, 1, 0 } }))).Message);
        Assert.StartsWith("Neighbors must be 1 of 3 for each identity, got 2",
            Assert.Throws<ArgumentException>(() => sampler.Neighbors = [0, 1]).Message);
        Assert.StartsWith("labels must hold at least 4 identities, got 3.",
            Assert.Throws<ArgumentException>(() => new GraphSampler([0, 1, 2], 4, 1)).Message);
    }
}
