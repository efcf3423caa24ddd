using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public unsafe class SelfProductTests
{
    // Lengths of few rows, which are multiplied as they lie in memory.
    private static readonly Gen<int> few = Gen.Int[2, 50].Select(n => 16 * n);

    // Small integers, whose sums of products are exact.
    private static readonly Gen<(int Rows, int Width, int Seed)> cases =
        Gen.Select(Gen.OneOf(Gen.Int[1, 20], Gen.Int[90, 100], Gen.Int[250, 400]), Gen.OneOf(Gen.Int[1, 20], Gen.Int[250, 300], few),
            Gen.Int[0, 1_000_000]);

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Of_OfSmallIntegers_IsExact(int threads)
    {
        using var several = new TorchThreads(threads);
        cases.Sample(c =>
        {
            using var scope = NewDisposeScope();
            var random = new Random(c.Seed);
            var x = tensor(Array.ConvertAll(new float[c.Rows * c.Width], _ => (float)random.Next(-9, 10)), [c.Rows, c.Width]);
            AssertSame(x.mm(x.t()), SelfProduct.Of(x));
            var turned = tensor(Array.ConvertAll(new float[c.Rows * c.Width], _ => (float)random.Next(-9, 10)), [c.Width, c.Rows]).t();
            AssertSame(turned.mm(turned.t()), SelfProduct.Of(turned));
        }, iter: 25, threads: 1);
    }

    [Theory, InlineData(403, 517, 300), InlineData(61, 496, 30)]
    public void Of_IsSymmetricToTheBit_AndAnEntryDependsOnItsTwoRowsAlone(int rows, int width, int part)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(rows, width);
        var product = SelfProduct.Of(x);
        AssertSame(product.t(), product);
        var order = randperm(rows);
        AssertSame(product.index_select(0, order).index_select(1, order), SelfProduct.Of(x.index_select(0, order)));
        AssertSame(product.narrow(0, 0, part).narrow(1, 0, part), SelfProduct.Of(x.narrow(0, 0, part)));
    }

    /// <summary>For few long rows, and for many rows on and beside the diagonal of the tiles.</summary>
    [Theory, InlineData(9, 80), InlineData(230, 16)]
    public void Of_FinishesEachEntryOnce_AndMirrorsIt(int rows, int width)
    {
        using var scope = NewDisposeScope();
        var x = randint(-9, 10, [rows, width], ScalarType.Float32);
        var finished = SelfProduct.Of(x, part =>
        {
            for (var i = 0; i < part.Height; i++)
                for (var j = 0; j < part.Width; j++)
                    part.RowAt(i)[j] += 1000 * (part.Row + i + 1) * (part.Column + j + 1);
        });
        var numbers = arange(1, rows + 1, ScalarType.Float32);
        AssertSame(x.mm(x.t()) + 1000 * outer(numbers, numbers), finished);
    }

    [Theory, InlineData(300, 700), InlineData(61, 496)]
    public void Of_StaysWithinTheBound(int rows, int width)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(rows, width);
        var wide = x.to(ScalarType.Float64);
        var bound = width * Math.ScaleB(1, -24) / (1 - width * Math.ScaleB(1, -24));
        Assert.True(((SelfProduct.Of(x) - wide.mm(wide.t())).abs() <= bound * wide.abs().mm(wide.abs().t())).all().item<bool>());
    }

    [Fact]
    public void Of_SpoilsOnlyTheProductsOfRowsThatAreNotFinite()
    {
        using var scope = NewDisposeScope();
        var x = ones(260, 70);
        x[3, 5] = float.NaN;
        x[259, 1] = float.PositiveInfinity;
        var rows = arange(260, ScalarType.Int64);
        var (spoilt, infinite) = (rows == 3, rows == 259);
        var expected = full(260, 260, 70, ScalarType.Float32)
            .masked_fill(infinite.unsqueeze(0) | infinite.unsqueeze(1), float.PositiveInfinity)
            .masked_fill(spoilt.unsqueeze(0) | spoilt.unsqueeze(1), float.NaN);
        Assert.True(SelfProduct.Of(x).allclose(expected, rtol: 0, atol: 0, equal_nan: true));
    }

    [Theory]
    [InlineData(null, true, false, true), InlineData(null, true, true, false), InlineData(null, false, false, false)]
    [InlineData(true, true, true, true), InlineData(true, false, false, false), InlineData(false, true, false, false)]
    public void Rule_GoesByTheProcessor_UnlessTheSwitchIsSet(bool? chosen, bool fused, bool wider, bool wins) =>
        Assert.Equal(wins, TileProduct.Rule(chosen, fused, wider));

    [Fact]
    public void Suits_LargeBatchesOfFloat32()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(TileProduct.IsFast, SelfProduct.Supports(empty(1024, 256)));
        Assert.Equal(TileProduct.IsFast && !TileProduct.MmIsFast, SelfProduct.Supports(empty(1024, 128)));
        Assert.False(SelfProduct.Supports(empty(1023, 128)));
        Assert.False(SelfProduct.Supports(empty(812, 256)));
        Assert.False(SelfProduct.Supports(empty(1024, 512, ScalarType.Float64)));
    }

    [Theory, InlineData(4, 32, true), InlineData(3, 32, false), InlineData(4, 40, false), InlineData(5, 32, false)]
    [InlineData(256, 2048, true), InlineData(257, 2064, false)]
    public void Suits_FewLongRows(int rows, int width, bool suits)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(suits && TileProduct.IsFast, SelfProduct.Supports(empty(rows, width)));
    }

    private static void AssertSame(Tensor expected, Tensor actual) => Assert.True((expected == actual).all().item<bool>());
}
