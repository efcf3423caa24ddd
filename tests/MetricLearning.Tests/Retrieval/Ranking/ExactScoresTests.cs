using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class ExactScoresTests
{
    [Fact]
    public void Scores_OfWholeNumbers_AreExact_InBothTypes() =>
        Gen.Int[-9, 9].Array[1, 70].Sample(values =>
        {
            var (x, y) = (Array.ConvertAll(values, v => (float)v), Array.ConvertAll(values, v => (float)(v * v - 3)));
            var (wideX, wideY) = (Array.ConvertAll(x, v => (double)v), Array.ConvertAll(y, v => (double)v));
            var (dot, square) = (x.Zip(y, (a, b) => (double)a * b).Sum(), x.Zip(y, (a, b) => (double)(a - b) * (a - b)).Sum());
            fixed (float* px = x, py = y)
            fixed (double* qx = wideX, qy = wideY)
            {
                Assert.Equal((dot, square), (ExactScores.Dot(px, py, x.Length), ExactScores.SquaredDistance(px, py, x.Length)));
                Assert.Equal((dot, square), (ExactScores.Dot(qx, qy, x.Length), ExactScores.SquaredDistance(qx, qy, x.Length)));
            }
        }, iter: 200, threads: 1);

    [Theory]
    [InlineData(ScoreSieve.Float32, false)]
    [InlineData(ScoreSieve.Int16, false)]
    [InlineData(ScoreSieve.Int16, true)]
    public void TileScores_LieInTheIntervalOfTheirKey(ScoreSieve sieve, bool split)
    {
        SplitProductTests.SkipUnlessExact(split);
        Gen.OneOf(RetrievalCase.Plain, RetrievalCase.Wide, RetrievalCase.Tied, RetrievalCase.Extreme).Sample(c =>
        {
            using var scope = NewDisposeScope();
            if (c.Query.Length == 0) return;
            foreach (var distance in new[] { Distance.Euclidean, Distance.Cosine, Distance.Dot })
                foreach (var features in new[] { ScalarType.Float32, ScalarType.Float64 })
                {
                    using var query = c.QuerySet(features);
                    using var gallery = c.GallerySet(features);
                    var source = new FeatureScores(distance, query.Features, gallery.Features, sieve, split);
                    foreach (var type in new[] { source.CountingType, ScalarType.Float64 }.Distinct())
                    {
                        source.Begin(0, query.Count, gallery.Count, type);
                        var tile = source.Tile(0, gallery.Count).to(ScalarType.Float64);
                        var scores = tile.contiguous().data<double>().ToArray();
                        for (var q = 0; q < query.Count; q++)
                            for (var g = 0; g < gallery.Count; g++)
                            {
                                var (low, high) = source.Interval(q, source.Key(q, g), type);
                                Assert.InRange(scores[q * gallery.Count + g], low, high);
                            }
                    }
                }
        }, iter: 40, threads: 1);
    }
}
