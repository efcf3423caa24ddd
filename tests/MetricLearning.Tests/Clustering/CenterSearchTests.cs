using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that the sieved search gives the same bits as a comparison with all centers in float64.</summary>
[LeavesNoTensors]
public unsafe class CenterSearchTests
{
    /// <summary>Rows [600, D] of many kinds.</summary>
    private static readonly Dictionary<string, Func<int, Tensor>> kinds = new()
    {
        ["normal"] = width => randn(600, width, ScalarType.Float64),
        ["far from the origin"] = width => 1e6 + randn(600, width, ScalarType.Float64),
        ["float32, far from the origin"] = width => (1e6 + randn(600, width)).to(ScalarType.Float64),
        ["on a grid, with ties"] = width => randint(3, [600, width]).to(ScalarType.Float64),
        ["duplicates"] = width => randn(20, width, ScalarType.Float64).repeat(30, 1),
        ["near duplicates"] = width => randn(20, width, ScalarType.Float64).repeat(30, 1) + 1e-9 * randn(600, width, ScalarType.Float64),
        ["one outlier"] = width => cat([randn(599, width, ScalarType.Float64), 1e9 * ones(1, width, ScalarType.Float64)]),
        ["tiny"] = width => 1e-60 * randn(600, width, ScalarType.Float64),
        ["huge"] = width => 1e60 * randn(600, width, ScalarType.Float64),
        ["of all sizes"] = width =>
            randn(600, width, ScalarType.Float64) * pow(10, linspace(-50, 50, 600, ScalarType.Float64)).unsqueeze(1),
        ["all equal"] = width => ones(600, width, ScalarType.Float64),
        ["zero"] = width => zeros(600, width, ScalarType.Float64),
    };

    public static TheoryData<string> Kinds => [.. kinds.Keys];

    [Theory, MemberData(nameof(Kinds))]
    public void Assign_IsThatOfAllCenters_CallAfterCall(string kind)
    {
        foreach (var width in new[] { 1, 3, 16, 37 })
            foreach (var count in new[] { 1, 2, 15, 16, 17, 90 })
                foreach (var threads in (int[])[1, 2])
                {
                    using var scope = NewDisposeScope();
                    using var several = new TorchThreads(threads);
                    manual_seed(width + count);
                    var rows = kinds[kind](width).contiguous();
                    Assert.True(SievedCenterSearch.Supports(rows));
                    var search = new SievedCenterSearch(rows);
                    var centers = rows.index_select(0, randint(600, count, ScalarType.Int64));
                    for (var call = 0; call < 4; call++)
                    {
                        var (expected, expectedSquares) = Plain(rows, centers);
                        var (assigned, squares) = search.Assign(centers);
                        Assert.Equal(expected, assigned);
                        Assert.Equal(expectedSquares, squares);
                        // Some centers move, one of them onto another.
                        centers = centers.clone();
                        for (var c = call % 2; c < count; c += 3) centers[c] = rows[(7 * c + call) % 600] * 0.75;
                        if (call == 1) centers[count - 1] = centers[0];
                    }
                }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Add_IsThatOfEachRow(string kind)
    {
        foreach (var width in new[] { 1, 3, 16, 37 })
        {
            using var scope = NewDisposeScope();
            manual_seed(width);
            var rows = kinds[kind](width).contiguous();
            var search = new SievedCenterSearch(rows);
            var (expected, nearest) = (new double[600], new double[600]);
            Array.Fill(expected, double.PositiveInfinity);
            Array.Fill(nearest, double.PositiveInfinity);
            for (var center = 0; center < 600; center += 29)
            {
                var squares = Plain(rows, rows.narrow(0, center, 1)).Squared;
                for (var i = 0; i < 600; i++) expected[i] = Math.Min(expected[i], squares[i]);
                search.Add(center, nearest);
                Assert.Equal(expected, nearest);
            }
        }
    }

    [Fact]
    public void Supports_LeavesNumbersWhoseSquaresOverflow_ToTensors()
    {
        using var scope = NewDisposeScope();
        Assert.False(SievedCenterSearch.Supports(1e200 * ones(3, 2, ScalarType.Float64)));
        Assert.False(SievedCenterSearch.Supports(1e-200 * ones(3, 2, ScalarType.Float64)));
        Assert.IsType<TensorCenterSearch>(CenterSearch.Of(1e200 * ones(3, 2, ScalarType.Float64), clusters: 1));
    }

    [Fact]
    public void TensorSearch_FindsTheSameClusters_WhereNothingIsNear()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var rows = randn(600, 20, ScalarType.Float64);
        var centers = rows.narrow(0, 0, 30) + 0.01;
        var (plain, sieved) = (new TensorCenterSearch(rows), new SievedCenterSearch(rows));
        Assert.Equal(plain.Assign(centers).Assigned, sieved.Assign(centers).Assigned);
        Assert.Equal(plain.Assign(centers).Squared.Sum(), sieved.Assign(centers).Squared.Sum(), 1e-9);
        var (first, second) = (Infinite(), Infinite());
        plain.Add(3, first);
        sieved.Add(3, second);
        for (var i = 0; i < 600; i++) Assert.Equal(first[i], second[i], 1e-12 * (1 + first[i]));

        static double[] Infinite() => [.. Enumerable.Repeat(double.PositiveInfinity, 600)];
    }

    private static (int[] Assigned, double[] Squared) Plain(Tensor rows, Tensor centers)
    {
        using var contiguous = centers.contiguous();
        double* x = (double*)TensorMemory.Of(rows), c = (double*)TensorMemory.Of(contiguous);
        var width = (int)rows.size(1);
        var (assigned, squared) = (new int[rows.size(0)], new double[rows.size(0)]);
        for (var i = 0; i < assigned.Length; i++)
        {
            squared[i] = double.PositiveInfinity;
            for (var j = 0; j < contiguous.size(0); j++)
                if (SimdRows.SquaredDistance(x + i * width, c + j * width, width) is var square && square < squared[i])
                    (assigned[i], squared[i]) = (j, square);
        }
        GC.KeepAlive(rows);
        return (assigned, squared);
    }

    /// <summary>Arrays cannot hold so many numbers, but tensors can.</summary>
    [Fact]
    public void Supports_LeavesCentersThatNoArrayHolds_ToTensors()
    {
        using var scope = NewDisposeScope();
        var rows = ones(3, 1 << 16, ScalarType.Float64);
        Assert.True(SievedCenterSearch.Supports(rows, clusters: 1 << 10));
        Assert.False(SievedCenterSearch.Supports(rows, clusters: 1 << 15));
        Assert.False(SievedCenterSearch.Supports(ones(3, 1, ScalarType.Float64), clusters: 1 << 28));
    }
}
