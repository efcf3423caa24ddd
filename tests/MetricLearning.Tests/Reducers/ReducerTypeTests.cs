using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests every loss with every reducer, below and above the size at which pairs are computed in blocks: the result has the type of
/// the batch and the value of float64.</summary>
[LeavesNoTensors]
public class ReducerTypeTests
{
    private static readonly Dictionary<string, Reducer> reducers = new()
    {
        ["mean"] = Reducer.Mean,
        ["sum"] = Reducer.Sum,
        ["non-zero mean"] = Reducer.NonZeroMean,
        ["threshold"] = Reducer.Threshold(low: 0.5, high: 50),
        ["per anchor"] = Reducer.PerAnchor,
        ["sum of each anchor"] = Reducer.EachAnchor(Reducer.Sum),
        ["non-zero mean of each anchor"] = Reducer.EachAnchor(Reducer.NonZeroMean),
        ["class-weighted"] = Reducer.ClassWeighted(1, 0.5, 2, 0),
        ["divisor"] = Reducer.Divisor,
    };

    public static TheoryData<string, string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, string, int>();
            foreach (var loss in LossTable.Names.Select(row => row.Data))
                foreach (var reducer in reducers.Keys)
                    foreach (var rows in (int[])[12, 132]) data.Add(loss, reducer, rows);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void TheResult_HasTheTypeOfTheBatch_AndTheValueOfFloat64(string name, string reducer, int rows)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(2, rows, LossTable.Dimension), arange(rows) % 2);
        using var loss = Create(name, reducer);
        using var wide = Create(name, reducer);
        var single = x.to(ScalarType.Float32);
        if (Lacks(name, reducer) && Record.Exception(() => wide.call(x, y)) is InvalidOperationException refused)
        {
            // A loss that lacks what the reducer needs is refused in both types.
            Assert.Equal(refused.Message, Assert.Throws<InvalidOperationException>(() => loss.call(single, y)).Message);
            return;
        }
        var (value, expected) = (loss.call(single, y), wide.call(x, y));
        Assert.Equal((ScalarType.Float32, ScalarType.Float64), (value.dtype, expected.dtype));
        Assert.Equal(expected.item<double>(), value.item<float>(), 1e-7 + 1e-5 * Math.Abs(expected.item<double>()));
    }

    /// <summary>Whether a loss may lack what a reducer needs. Most losses define no divisor. The terms of one loss belong to proxies, not
    /// to anchors.</summary>
    private static bool Lacks(string name, string reducer)
    {
        using var loss = LossTable.Create(name);
        return reducer switch
        {
            "divisor" => loss.Reducer != Reducer.Divisor,
            "per anchor" or "sum of each anchor" or "non-zero mean of each anchor" or "class-weighted" => loss is ProxyAnchorLoss,
            _ => false,
        };
    }

    private static MetricLoss Create(string name, string reducer)
    {
        var loss = LossTable.Create(name);
        typeof(MetricLoss).GetProperty(nameof(MetricLoss.Reducer))!.SetValue(loss, reducers[reducer]);
        return loss;
    }
}
