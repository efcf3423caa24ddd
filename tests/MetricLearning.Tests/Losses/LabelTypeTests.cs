using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that labels may be integers of any width, and that other types are refused by name.</summary>
[LeavesNoTensors]
public class LabelTypeTests
{
    private static readonly ScalarType[] integers = [ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32];

    public static TheoryData<string> Losses => LossTable.Names;

    public static TheoryData<string> Modules => [.. ModuleTable.Names.Where(name => !ModuleTable.IsOfViews(name))];

    [Theory, MemberData(nameof(Losses))]
    public void Loss_WidensIntegers_AndLeavesNoCopy(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var expected = loss.eval(x, y);
        foreach (var type in integers)
        {
            var labels = y.to(type);
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            Assert.Equal(expected, loss.eval(x, labels));
            _ = loss.Report(x, labels);
            Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
    }

    [Theory, MemberData(nameof(Modules))]
    public void Module_WidensIntegers_AndLeavesNoCopy(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        double Value(Tensor labels)
        {
            using var module = ModuleTable.Create(name);
            using var value = ModuleTable.Call(module, x, labels);
            return value.item<double>();
        }
        var expected = Value(y);
        foreach (var type in integers)
        {
            var labels = y.to(type);
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            Assert.Equal(expected, Value(labels));
            Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
    }

    [Theory, MemberData(nameof(Modules))]
    public void Module_RefusesOtherTypes(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var module = ModuleTable.Create(name);
        foreach (var wrong in new[] { ScalarType.Float32, ScalarType.Bool })
            Assert.StartsWith($"labels must be integers (int64, int32, int16, int8 or uint8), got {wrong}.",
                Assert.Throws<ArgumentException>(() => ModuleTable.Call(module, x, y.to(wrong))).Message);
    }

    [Fact]
    public void References_AndTheMemory_TakeThemToo()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var short16 = y.to(ScalarType.Int16);
        using var loss = new TripletLoss(margin: 2);
        var references = LossTable.Random(4, 12, LossTable.Dimension);
        Assert.Equal(loss.call(x, y, references, y).item<double>(), loss.call(x, short16, references, y.to(ScalarType.Byte))
            .item<double>());
        using var batch = new LossBatch(x, short16, x, short16, self: arange(12, ScalarType.Int32));
        Assert.Equal(loss.call(x, y).item<double>(), loss.call(batch).item<double>(), 12);
        Assert.Equal((ScalarType.Int64, ScalarType.Int64), (batch.Labels!.dtype, batch.ReferenceLabels!.dtype));
        using var memory = new CrossBatchMemory(new TripletLoss(), LossTable.Dimension, 24);
        memory.Add(x, short16);
        Assert.Equal(y.data<long>().ToArray(), memory.state_dict()["labels"].narrow(0, 0, 12).data<long>().ToArray());
        using var centers = new SubCenterArcFaceLoss(LossTable.Classes, LossTable.Dimension);
        Assert.Equal(centers.GetOutliers(x, y).Rows.data<long>().ToArray(), centers.GetOutliers(x, short16).Rows.data<long>().ToArray());
        Assert.StartsWith("referenceLabels must be integers (int64, int32, int16, int8 or uint8), got Float32.",
            Assert.Throws<ArgumentException>(() => loss.call(x, short16, references, y.to(ScalarType.Float32))).Message);
    }
}

file static class Values
{
    /// <summary>The value, without learning from the batch.</summary>
    public static double eval(this MetricLoss loss, Tensor x, Tensor labels)
    {
        loss.eval();
        using var value = loss.call(x, labels);
        return value.item<double>();
    }
}
