using System.Runtime.Intrinsics.X86;
using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class SplitProductTests
{
    /// <summary>Skips a test of split integers on processors whose products of bytes are not exact, or that lack AVX2.</summary>
    internal static void SkipUnlessExact(bool split = true) =>
        Assert.SkipUnless(!split || SplitProduct.IsSupported, "libtorch's products of bytes are not exact on this processor");

    [Fact]
    public void Products_AreExact_WhereTheProcessorHasAvxVnni() =>
        Assert.True(SplitProduct.IsSupported || !AvxVnni.IsSupported, "libtorch's product of bytes cannot be called, or rounds");

    [Fact]
    public void Rows_AreSplitInto_BytesThatGiveTheIntegers() =>
        (from width in Gen.Int[1, 300]
         from row in Gen.Double[-1, 1].Array[width]
         from size in Gen.Int[-200, 200]
         select (row, size)).Sample(c =>
        {
            var z = new double[FixedPoint.Padded(c.row.Length)];
            for (var i = 0; i < c.row.Length; i++) z[i] = Math.ScaleB(c.row[i], c.size);
            var fit = FixedPoint.Fit(z, split: true);
            var (high, low) = (new sbyte[z.Length], new sbyte[z.Length]);
            fixed (sbyte* h = high, l = low) FixedPoint.Split(z, fit.Scale, h, l);
            var (norm, residual, ofLow) = (0.0, 0.0, 0.0);
            for (var i = 0; i < z.Length; i++)
            {
                var integer = 256 * high[i] + low[i];
                Assert.Equal(fit.Scale == 0 ? 0 : Math.Round(z[i] * (1 / fit.Scale), MidpointRounding.ToEven), integer);
                Assert.InRange(integer, -SplitProduct.LargestInteger, SplitProduct.LargestInteger);
                norm += Math.Pow(integer * fit.Scale, 2);
                residual += Math.Pow(z[i] - integer * fit.Scale, 2);
                ofLow += Math.Pow(low[i] * fit.Scale, 2);
            }
            Assert.Equal(Math.Sqrt(norm), fit.Norm, 1e-9 * Math.Sqrt(norm));
            Assert.Equal(Math.Sqrt(ofLow), fit.Low, 1e-9 * Math.Sqrt(ofLow));
            Assert.InRange(fit.Residual, Math.Sqrt(residual) * (1 - 1e-9), Math.Sqrt(residual) * (1 + 1e-9) + 1e-150);
        }, iter: 300, threads: 1);

    [Theory, InlineData(1), InlineData(16), InlineData(777), InlineData(SplitProduct.LargestWidth)]
    public void Products_AreExact_AtTheLargestBytes(int width)
    {
        SkipUnlessExact();
        using var scope = NewDisposeScope();
        var random = new Random(width);
        var (left, right) = (new sbyte[5 * width * 2], new sbyte[7 * width * 2]);
        for (var i = 0; i < left.Length; i++) left[i] = i < 2 * width ? sbyte.MinValue : (sbyte)random.Next(-128, 128);
        for (var i = 0; i < right.Length; i++) right[i] = i < 2 * width ? sbyte.MinValue : (sbyte)random.Next(-128, 128);
        var sums = empty(5, 7, ScalarType.Int32);
        SplitProduct.Multiply(tensor(left).view(5, 2 * width), tensor(right).view(7, 2 * width).t(), sums);
        var found = TensorMemory.Copy<int>(sums);
        for (var i = 0; i < 5; i++)
            for (var j = 0; j < 7; j++)
            {
                var sum = 0L;
                for (var k = 0; k < 2 * width; k++) sum += left[i * 2 * width + k] * right[j * 2 * width + k];
                Assert.Equal(sum, found[i * 7 + j]);
            }
    }

    [Fact]
    public void TheErrorBound_CoversTheProductOfTheLowBytes()
    {
        SkipUnlessExact();
        using var scope = NewDisposeScope();
        // The integers are 32,639 and then 127, so nearly all of the error is the sum that is left out. The mean of the rows is 0.
        var row = Enumerable.Repeat(127f, 64).Prepend(SplitProduct.LargestInteger).ToArray();
        var query = tensor(row).unsqueeze(0);
        var source = new FeatureScores(Distance.Dot, query, cat([query, -query]), ScoreSieve.Int16, split: true);
        source.Begin(0, 1, 2, ScalarType.Float32);
        var scores = TensorMemory.Copy<float>(source.Tile(0, 2));
        for (var j = 0; j < 2; j++)
        {
            var (low, high) = source.Interval(0, source.Key(0, j), ScalarType.Float32);
            Assert.InRange(scores[j], low, high);
            Assert.InRange(Math.Abs(scores[j] - source.Key(0, j)), 60 * 127 * 127, 68 * 127 * 127);
        }
    }

    [Fact]
    public void BothWaysOfIntegers_GiveTheSameFigures_ForMoreQueriesThanAreCombinedAtOnce()
    {
        SkipUnlessExact();
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var (query, gallery) = (randn(1100, 40), randn(90, 40));
        var pairs = new FeatureScores(Distance.Euclidean, query, gallery, ScoreSieve.Int16, split: false);
        var split = new FeatureScores(Distance.Euclidean, query, gallery, ScoreSieve.Int16, split: true);
        foreach (var source in new[] { pairs, split }) source.Begin(0, 1100, 50, ScalarType.Float32);
        foreach (var (row, rows) in new[] { (0, 50), (50, 40) })
        {
            var (first, second) = (TensorMemory.Copy<float>(pairs.Tile(row, rows)), TensorMemory.Copy<float>(split.Tile(row, rows)));
            for (var i = 0; i < first.Length; i++)
            {
                var q = i / rows;
                var tolerance = (pairs.Gap(q, ScalarType.Float32) + split.Gap(q, ScalarType.Float32)) / 2;
                Assert.Equal(first[i], second[i], tolerance);
            }
        }
    }
}
