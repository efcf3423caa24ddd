using CsCheck;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class FixedPointTests
{
    /// <summary>Rows of numbers of many sizes. Some are zeros, and some are so small that their squares are 0.</summary>
    private static Gen<double[]> Row(int width) => Gen.Select(Gen.Double[-1, 1], Gen.Int[-30, 30], Gen.Int[0, 9])
        .Select((m, e, kind) => kind == 0 ? 0 : kind == 1 ? m * 1e-200 : Math.ScaleB(m, kind < 5 ? 0 : e)).Array[width]
        .Select(row => row.Concat(new double[FixedPoint.Padded(width) - width]).ToArray());

    [Fact]
    public void Fit_SaysHowNearTheIntegersAre_AndNoSumOverflows() =>
        Gen.Int[1, 700].SelectMany(Row).Sample(row =>
        {
            var fit = FixedPoint.Fit(row);
            var integers = Integers(row, fit.Scale);
            var (norm, residual) = (0.0, 0.0);
            for (var i = 0; i < row.Length; i++)
            {
                Assert.InRange(integers[i], -32767, 32767);
                norm += Math.Pow(integers[i] * fit.Scale, 2);
                residual += Math.Pow(row[i] - integers[i] * fit.Scale, 2);
            }
            Assert.Equal(Math.Sqrt(norm), fit.Norm, 1e-9 * Math.Sqrt(norm));
            Assert.InRange(fit.Residual, Math.Sqrt(residual) * (1 - 1e-9), Math.Sqrt(residual) * (1 + 1e-9) + 1e-150);
            foreach (var block in integers.Chunk(FixedPoint.Depth)) Assert.True(block.Sum(v => (long)v * v) <= 46008L * 46008);
        }, iter: 300, threads: 1);

    [Fact]
    public void Multiply_IsTheSumOfProducts_OfRowsAndPanelsThatAreNotFull() =>
        (from sizes in Gen.Select(Gen.Int[1, 20], Gen.Int[1, 40], Gen.Int[1, 600])
         from left in Row(sizes.Item3).Array[sizes.Item1]
         from right in Row(sizes.Item3).Array[sizes.Item2]
         select (left, right)).Sample(sides =>
        {
            var (left, right) = sides;
            var width = left[0].Length;
            var (strips, leftScales) = Packed(left, FixedPoint.Strip);
            var (panels, rightScales) = Packed(right, FixedPoint.Panel);
            var (offsets, result) = (new float[rightScales.Length], new float[left.Length * right.Length]);
            var wide = new float[result.Length];
            for (var j = 0; j < right.Length; j++) offsets[j] = j;
            fixed (int* a = strips, b = panels)
            fixed (float* l = leftScales, r = rightScales, o = offsets, target = result, other = wide)
            {
                FixedPoint.Multiply(a, l, left.Length, b, r, o, right.Length, width, target, right.Length, wide: false);
                FixedPoint.Multiply(a, l, left.Length, b, r, o, right.Length, width, other, right.Length, wide: true);
            }
            Assert.Equal(result, wide);     // vectors of both sizes give the same bits
            for (var i = 0; i < left.Length; i++)
                for (var j = 0; j < right.Length; j++)
                {
                    var (x, y) = (FixedPoint.Fit(left[i]), FixedPoint.Fit(right[j]));
                    var (p, q) = (Integers(left[i], x.Scale), Integers(right[j], y.Scale));
                    var sum = 0L;
                    for (var k = 0; k < width; k++) sum += (long)p[k] * q[k];
                    Assert.Equal(j - x.Scale * y.Scale * sum, result[i * right.Length + j], 1e-6 * (j + 2 * x.Norm * y.Norm) + 1e-30);
                }
        }, iter: 60, threads: 1);

    [Theory, InlineData(1), InlineData(2), InlineData(31), InlineData(700)]
    public void Sums_AreTheSameInVectorsOfBothSizes_AtTheLargestIntegers(int pairs)
    {
        // The two products of a pair almost cancel, so that no sum exceeds int32.
        var (left, right) = (new short[FixedPoint.MostStrips * FixedPoint.Strip * pairs * 2], new short[FixedPoint.Panel * pairs * 2]);
        var random = new Random(pairs);
        for (var i = 0; i < left.Length; i += 2) (left[i], left[i + 1]) = (short.MaxValue, (short)-random.Next(32700, 32768));
        for (var i = 0; i < right.Length; i += 2) right[i] = right[i + 1] = (short)random.Next(30000, 32768);
        var (two, one) = (new int[FixedPoint.MostStrips * FixedPoint.Strip * FixedPoint.Panel], new int[FixedPoint.MostStrips
            * FixedPoint.Strip * FixedPoint.Panel]);
        fixed (short* a = left, b = right)
        fixed (int* wide = two, narrow = one)
        {
            FixedPoint.Sums((int*)a, FixedPoint.MostStrips, FixedPoint.Strip * pairs, (int*)b, pairs, wide, wide: true);
            FixedPoint.Sums((int*)a, FixedPoint.MostStrips, FixedPoint.Strip * pairs, (int*)b, pairs, narrow, wide: false);
        }
        Assert.Equal(one, two);
        for (var row = 0; row < FixedPoint.MostStrips * FixedPoint.Strip; row++)
            for (var column = 0; column < FixedPoint.Panel; column++)
            {
                var sum = 0L;
                for (var pair = 0; pair < pairs; pair++)
                    for (var half = 0; half < 2; half++)
                        sum += (long)left[((row / FixedPoint.Strip * pairs + pair) * FixedPoint.Strip + row % FixedPoint.Strip) * 2 + half]
                            * right[(pair * FixedPoint.Panel + column) * 2 + half];
                Assert.Equal(sum, two[row * FixedPoint.Panel + column]);
            }
    }

    private static int[] Integers(double[] row, double scale) =>
        Array.ConvertAll(row, v => scale == 0 ? 0 : (int)Math.Round(v * (1 / scale), MidpointRounding.ToEven));

    private static (int[] Pairs, float[] Scales) Packed(double[][] rows, int together)
    {
        var whole = (rows.Length + together - 1) / together * together;
        var (pairs, scales) = (new int[whole * rows[0].Length / 2], new float[whole]);
        fixed (int* target = pairs)
            for (var i = 0; i < rows.Length; i++)
            {
                var scale = FixedPoint.Fit(rows[i]).Scale;
                scales[i] = (float)scale;
                FixedPoint.Write(rows[i], scale, target + i / together * together * (rows[0].Length / 2) + i % together, together);
            }
        return (pairs, scales);
    }
}
