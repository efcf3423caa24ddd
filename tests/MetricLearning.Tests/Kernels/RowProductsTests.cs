using CsCheck;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class RowProductsTests
{
    private static readonly Gen<(int Rows, int Width, int Seed)> cases = Gen.Select(Gen.Int[4, 50],
        Gen.OneOf(Gen.Int[1, 4], Gen.Int[30, 34]).Select(n => 16 * n), Gen.Int[0, 1_000_000]);

    [Fact]
    public void Multiply_HasTheSameBits_InVectorsOf256And512() => cases.Sample(c =>
    {
        var random = new Random(c.Seed);
        // Sizes from 2⁻²⁰ to 2²⁰: another order of additions would show.
        var rows = Array.ConvertAll(new float[c.Rows * c.Width],
            _ => (float)Math.ScaleB(random.NextDouble() - 0.5, random.Next(-20, 21)));
        rows.AsSpan(0, c.Width).CopyTo(rows.AsSpan((c.Rows - 1) * c.Width));
        var narrow = Products(rows, c.Rows, c.Width, wide: false);
        Assert.Equal(narrow, Products(rows, c.Rows, c.Width, wide: true));
        for (var i = 0; i < c.Rows; i++)
            for (var j = 0; j < c.Rows; j++)
            {
                var (sum, lengths) = (0.0, 0.0);
                for (var k = 0; k < c.Width; k++)
                {
                    var product = (double)rows[i * c.Width + k] * rows[j * c.Width + k];
                    (sum, lengths) = (sum + product, lengths + Math.Abs(product));
                }
                Assert.Equal(sum, narrow[i * c.Rows + j], c.Width * Math.ScaleB(1.01, -24) * lengths);
                Assert.Equal(narrow[i * c.Rows + j], narrow[j * c.Rows + i]);
            }
        // The first and the last row are equal.
        for (var j = 0; j < c.Rows; j++) Assert.Equal(narrow[j], narrow[(c.Rows - 1) * c.Rows + j]);
    }, iter: 40, threads: 1);

    [Theory, InlineData(false), InlineData(true)]
    public void Multiply_SpoilsOnlyTheEntriesOfRowsThatAreNotFinite(bool wide)
    {
        var rows = Array.ConvertAll(new float[8 * 16], _ => 1f);
        rows[5 * 16 + 3] = float.NaN;
        var products = Products(rows, 8, 16, wide);
        for (var i = 0; i < 8; i++)
            for (var j = 0; j < 8; j++) Assert.Equal(i == 5 || j == 5 ? float.NaN : 16, products[i * 8 + j]);
    }

    private static float[] Products(float[] rows, int count, int width, bool wide)
    {
        var products = new float[count * count];
        fixed (float* r = rows, p = products) RowProducts.Multiply(r, count, width, p, wide);
        return products;
    }
}
