using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SelfProductTests
{
    // Small integers, whose sums of products are exact.
    private static readonly Gen<(int Rows, int Width, int Seed)> cases =
        Gen.Select(Gen.OneOf(Gen.Int[1, 20], Gen.Int[90, 100], Gen.Int[250, 400]), Gen.OneOf(Gen.Int[1, 20], Gen.Int[250, 300]),
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

    [Fact]
    public void Of_IsSymmetricToTheBit_AndAnEntryDependsOnItsTwoRowsAlone()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(403, 517);
        var product = SelfProduct.Of(x);
        AssertSame(product.t(), product);
        var order = randperm(403);
        AssertSame(product.index_select(0, order).index_select(1, order), SelfProduct.Of(x.index_select(0, order)));
        AssertSame(product.narrow(0, 0, 300).narrow(1, 0, 300), SelfProduct.Of(x.narrow(0, 0, 300)));
    }

    [Fact]
    public void Of_StaysWithinTheBound()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var x = randn(300, 700);
        var wide = x.to(ScalarType.Float64);
        var bound = 700 * Math.ScaleB(1, -24) / (1 - 700 * Math.ScaleB(1, -24));
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

    private static void AssertSame(Tensor expected, Tensor actual) => Assert.True((expected == actual).all().item<bool>());
}
