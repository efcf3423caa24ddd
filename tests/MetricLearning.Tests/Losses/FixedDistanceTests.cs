using MetricLearning.Testing;
using System.Reflection;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a loss on tuples either works with another distance, or documents that its distance is fixed and refuses another
/// one.</summary>
[LeavesNoTensors]
public class FixedDistanceTests
{
    public static TheoryData<string> TupleLosses => LossTable.Where(loss => loss is TupleLoss);

    [Theory, MemberData(nameof(TupleLosses))]
    public void AnotherDistance_WorksOrIsRefused(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = (TupleLoss)LossTable.Create(name);
        var another = loss.Distance.Equals(Distance.Lp(3)) ? Distance.Lp(4) : Distance.Lp(3);
        if (XmlDocs.Of(loss.GetType()).Contains("distance is fixed", StringComparison.Ordinal))
        {
            var refused = Assert.IsType<ArgumentException>(Set(loss, another));
            Assert.Equal(nameof(TupleLoss.Distance), refused.ParamName);
            Assert.StartsWith($"Distance of {loss.GetType().Name} must be Distance.{loss.Distance}, because", refused.Message);
            Assert.Null(Set(loss, loss.Distance));
        }
        else
        {
            var (x, y) = LossTable.Batch();
            Assert.Null(Set(loss, another));
            Assert.Equal(another, loss.Distance);
            Assert.True(loss.call(x, y).isfinite().item<bool>());
        }
    }

    [Fact]
    public void AnEqualDistance_IsFine()
    {
        using var circle = new CircleLoss { Distance = Distance.Cosine };
        using var tuplet = new TupletMarginLoss { Distance = Distance.Euclidean.Normalized() };
        Assert.Equal(Distance.Euclidean.Normalized(), tuplet.Distance);
        Assert.StartsWith(
            "Distance of CircleLoss must be Distance.Cosine, because its formula is defined for that distance only; got Euclidean.",
            Assert.Throws<ArgumentException>(() => new CircleLoss { Distance = Distance.Euclidean }).Message);
        Assert.Equal("Distance", Assert.Throws<ArgumentNullException>(() => new CircleLoss { Distance = null! }).ParamName);
    }

    private static Exception? Set(TupleLoss loss, Distance distance)
    {
        try
        {
            typeof(TupleLoss).GetProperty(nameof(TupleLoss.Distance))!.SetValue(loss, distance);
            return null;
        }
        catch (TargetInvocationException thrown)
        {
            return thrown.InnerException;
        }
    }
}
