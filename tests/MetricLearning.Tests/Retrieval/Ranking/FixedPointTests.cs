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
            for (var j = 0; j < right.Length; j++) offsets[j] = j;
            fixed (int* a = strips, b = panels)
            fixed (float* l = leftScales, r = rightScales, o = offsets, target = result)
                FixedPoint.Multiply(a, l, left.Length, b, r, o, right.Length, width, target, right.Length);
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
