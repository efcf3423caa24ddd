using CsCheck;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class TileProductTests
{
    /// <summary>The sizes give full and incomplete panels, alone and in pairs, and rows longer and shorter than a part.</summary>
    private static readonly Gen<(int Rows, int Columns, int Width, int Seed)> cases =
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 100], Gen.OneOf(Gen.Int[1, 20], Gen.Int[250, 260], Gen.Int[500, 530]), Gen.Int[0, 1_000_000]);

    [Fact]
    public void Multiply_HasTheSameBits_InVectorsOf256And512() => cases.Sample(c =>
    {
        var random = new Random(c.Seed);
        // Sizes from 2⁻²⁰ to 2²⁰: another order of additions would show.
        var (left, right) = (Rows(c.Rows), Rows(c.Columns));
        var narrow = Product(left, right, c.Width, wide: false);
        Assert.Equal(narrow, Product(left, right, c.Width, wide: true));
        for (var i = 0; i < c.Rows; i++)
            for (var j = 0; j < c.Columns; j++)
            {
                var (sum, lengths) = (0.0, 0.0);
                for (var k = 0; k < c.Width; k++)
                {
                    var product = (double)left[i * c.Width + k] * right[j * c.Width + k];
                    (sum, lengths) = (sum + product, lengths + Math.Abs(product));
                }
                Assert.Equal(sum, narrow[i * c.Columns + j], c.Width * Math.ScaleB(1.01, -24) * lengths);
            }

        float[] Rows(int count) =>
            Array.ConvertAll(new float[count * c.Width], _ => (float)Math.ScaleB(random.NextDouble() - 0.5, random.Next(-20, 21)));
    }, iter: 40, threads: 1);

    [Fact]
    public void Multiply_SpoilsOnlyTheEntriesOfRowsThatAreNotFinite_InVectorsOfBothSizes()
    {
        foreach (var wide in new[] { false, true })
        {
            var left = Array.ConvertAll(new float[14 * 3], _ => 1f);
            left[13 * 3 + 1] = float.NaN;
            var product = Product(left, Array.ConvertAll(new float[40 * 3], _ => 2f), 3, wide);
            for (var i = 0; i < product.Length; i++) Assert.Equal(i < 13 * 40 ? 6 : float.NaN, product[i]);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Multiply_WritesWholePanelsAndNoMore(bool wide)
    {
        const int rows = 13, columns = 33, stride = 64, width = 5;      // 3 panels on either side
        var tile = Array.ConvertAll(new float[20 * stride], _ => -1f);
        var (left, right) = (new float[18 * width], new float[48 * width]);
        fixed (float* l = left, r = right, t = tile) TileProduct.Multiply(l, r, rows, columns, width, t, stride, wide);
        for (var i = 0; i < tile.Length; i++) Assert.Equal(i / stride < 18 && i % stride < 48 ? 0 : -1, tile[i]);
    }

    [Theory, InlineData(TileProduct.Left), InlineData(TileProduct.Right)]
    public void Pack_SubtractsTheMeanAndWritesNoMoreThanItsPanels(int panel)
    {
        foreach (var count in (int[])[1, 6, 13, 16, 33])
            foreach (var width in (int[])[1, 7, 8, 9, 16, 41])
            {
                var rows = Enumerable.Range(0, count * width).Select(i => i + 0.5f).ToArray();
                var mean = Enumerable.Range(0, width).Select(i => 3f * i).ToArray();
                var packed = Array.ConvertAll(new float[Whole(count, panel) * width + 8], _ => -1f);
                fixed (float* r = rows, m = mean, p = packed) TileProduct.Pack(r, count, width, m, panel, p);
                for (var i = 0; i < Whole(count, panel); i++)
                    for (var k = 0; k < width; k++)
                        Assert.Equal(i < count ? rows[i * width + k] - mean[k] : 0,
                            packed[i / panel * panel * width + k * panel + i % panel]);
                Assert.Equal(Enumerable.Repeat(-1f, 8), packed[^8..]);
            }
    }

    private static float[] Product(float[] left, float[] right, int width, bool wide)
    {
        var (rows, columns) = (left.Length / width, right.Length / width);
        var stride = Whole(columns, TileProduct.Right);
        var (tile, product) = (new float[Whole(rows, TileProduct.Left) * stride], new float[rows * columns]);
        fixed (float* a = Packed(left, TileProduct.Left), b = Packed(right, TileProduct.Right), t = tile)
            TileProduct.Multiply(a, b, rows, columns, width, t, stride, wide);
        for (var i = 0; i < rows; i++) tile.AsSpan(i * stride, columns).CopyTo(product.AsSpan(i * columns));
        return product;

        float[] Packed(float[] from, int panel)
        {
            var packed = new float[Whole(from.Length / width, panel) * width];
            fixed (float* f = from, zeros = new float[width], to = packed)
                TileProduct.Pack(f, from.Length / width, width, zeros, panel, to);
            return packed;
        }
    }

    private static int Whole(int rows, int panel) => (rows + panel - 1) / panel * panel;
}
