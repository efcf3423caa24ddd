using System.Numerics;
using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class RankCountingTests
{
    [Fact]
    public void Count_InFloat32_AgreesWithTheTensorsAndTheOracle() => Agrees<float>(v => v);

    [Fact]
    public void Count_InFloat64_AgreesWithTheTensorsAndTheOracle() => Agrees<double>(v => v);

    private static void Agrees<T>(Func<float, T> of) where T : unmanaged, INumber<T>, IFloatingPointIeee754<T> =>
        Gen.Select(Gen.Int[0, 8].Array[0, 150], Gen.Int[-1, 9].Array[1, 6], Gen.Int[0, 2]).Sample((values, middles, width) =>
        {
            Array.Sort(middles);
            var scores = Array.ConvertAll(values, v => of(v));
            var (low, high) = (Array.ConvertAll(middles, m => of(m - width / 2f)), Array.ConvertAll(middles, m => of(m + width / 2f)));
            var (below, open) = (new int[low.Length], new int[scores.Length]);
            var found = RankCounting.Count<T>(scores, low, high, below, open);
            for (var p = 0; p < low.Length; p++) Assert.Equal(scores.Count(s => s < low[p]), below[p]);
            var openRows = open[..found].Order().ToArray();
            Assert.Equal(Enumerable.Range(0, scores.Length).Where(i => Enumerable.Range(0, low.Length)
                .Any(p => scores[i] >= low[p] && scores[i] <= high[p])), openRows);

            var bins = new int[low.Length + 1];
            Assert.Equal(openRows, open[..RankCounting.Search<T>(scores, RankCounting.Filled(low), high, bins, open)].Order());
            for (var p = 0; p < low.Length; p++) Assert.Equal(below[p], bins[..(p + 1)].Sum());

            using var scope = NewDisposeScope();
            var (belowTensor, openTensor) = RankCounting.Count(Row(scores), Row(low), Row(high));
            Assert.Equal(below, belowTensor.data<long>().Select(v => (int)v));
            Assert.Equal(openRows, openTensor.select(1, 1).contiguous().data<long>().Select(v => (int)v));

            Tensor Row(T[] row) => tensor(Array.ConvertAll(row, v => double.CreateChecked(v))).view(1, row.Length);
        }, iter: 200, threads: 1);
}
