using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests <see cref="ClusterContrastLoss"/> against the normalized softmax, and its moving centers against the loop of the paper's
/// code.</summary>
public class ClusterContrastLossTests
{
    private const int Clusters = 5, Dimension = 8;

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Forward_EqualsNormalizedSoftmaxOfTheCenters(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var (centers, x, y) = Batch(dtype);
        using var loss = new ClusterContrastLoss(centers, temperature: 0.1);
        using var softmax = new NormalizedSoftmaxLoss(Clusters, Dimension, temperature: 0.1);
        using (no_grad()) softmax.Weights.copy_(centers);
        var (ours, theirs) = (x.clone().requires_grad_(), x.clone().requires_grad_());

        // The backward pass must use the centers of the forward pass, which have moved since then.
        var (value, expected) = (loss.call(ours, y), softmax.call(theirs, y));
        value.backward();
        expected.backward();

        Assert.Equal(expected.ToDouble(), value.ToDouble(), 1e-5);
        Assert.True(allclose(theirs.grad!, ours.grad!, 1e-5, 1e-5));
    }

    [Theory]
    [InlineData(0.1, false)]
    [InlineData(0.1, true)]
    [InlineData(0.7, false)]
    [InlineData(0.7, true)]
    [InlineData(0, false)]
    public void Training_MovesCentersAsThePapersCode(double momentum, bool hardest)
    {
        using var scope = NewDisposeScope();
        var (centers, x, y) = Batch(ScalarType.Float64);
        using var loss = new ClusterContrastLoss(centers, momentum: momentum) { MovesByHardest = hardest };
        var expected = Unit(Rows(centers));
        var rows = Unit(Rows(x));
        var labels = y.data<long>().ToArray();

        for (var step = 0; step < 3; step++)
        {
            foreach (var row in Movers(rows, labels, expected, hardest))
                expected[labels[row]] = Unit([.. expected[labels[row]].Zip(rows[row], (c, v) => momentum * c + (1 - momentum) * v)]);
            loss.call(x, y);
        }

        Assert.Equal(expected.SelectMany(row => row), loss.Centers.data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Centers_StayWithoutTraining()
    {
        using var scope = NewDisposeScope();
        var (centers, x, y) = Batch(ScalarType.Float32);
        using var loss = new ClusterContrastLoss(centers);
        var before = loss.Centers.data<float>().ToArray();

        loss.Report(x, y);
        using (no_grad()) loss.call(x, y);
        loss.eval();
        loss.call(x.clone().requires_grad_(), y);
        loss.train();
        Assert.Throws<ArgumentException>(() => loss.call(x, y + 1));      // a label out of range
        using var sum = new LossSum().Add("clusters", loss).Add("triplet", new TripletLoss(), output => output.Logits!);
        Assert.ThrowsAny<ArgumentException>(() => sum.call(new ModelOutput(x, x, null), y));

        Assert.Equal(before, loss.Centers.data<float>().ToArray());
    }

    [Fact]
    public void RowsThatCannotMoveACenter_AreLeftOut()
    {
        using var scope = NewDisposeScope();
        using var loss = new ClusterContrastLoss(eye(3), momentum: 0.5);
        var x = tensor(new float[,] { { float.NaN, 1, 0 }, { 0, -2, 0 }, { 0, 0, 0 }, { 3, 0, 4 } });

        var value = loss.call(x, tensor([0L, 1, 2, 2]));

        var (a, b) = (0.6 / 2, 1.8 / 2);
        var length = Math.Sqrt(a * a + b * b);
        Assert.True(double.IsNaN(value.ToDouble()));
        Assert.Equal([1, 0, 0, 0, 1, 0, a / length, 0, b / length], loss.Centers.data<float>().Select(v => (double)v),
            (p, q) => Math.Abs(p - q) < 1e-6);
    }

    [Fact]
    public void MovesByHardest_IgnoresRowsThatAreNotFinite()
    {
        using var scope = NewDisposeScope();
        using var loss = new ClusterContrastLoss(eye(2), momentum: 0) { MovesByHardest = true };

        loss.call(tensor(new[,] { { float.NaN, 0 }, { 1f, 0.1f }, { 0, 1f }, { 0, 2f }, { float.PositiveInfinity, 0 } }),
            tensor([0L, 0, 0, 0, 1]));

        Assert.Equal([0f, 1, 0, 1], loss.Centers.data<float>().ToArray());
    }

    [Fact]
    public void StateDict_HoldsTheCenters()
    {
        using var scope = NewDisposeScope();
        var (centers, x, y) = Batch(ScalarType.Float32);
        using var loss = new ClusterContrastLoss(centers);
        using var other = new ClusterContrastLoss(ones_like(centers));
        loss.call(x, y);

        other.load_state_dict(loss.state_dict());

        Assert.Equal(["centers"], loss.state_dict().Keys);
        Assert.Empty(loss.parameters());
        Assert.Equal(loss.Centers.data<float>().ToArray(), other.Centers.data<float>().ToArray());
    }

    [Fact]
    public void Constructor_RefusesCentersWithoutDirection()
    {
        using var scope = NewDisposeScope();
        Assert.Contains("got [3]", Refusal(ones(3)));
        Assert.Contains("got [0, 3]", Refusal(ones(0, 3)));
        Assert.Contains("row has only zeros", Refusal(tensor(new float[,] { { 1, 0 }, { 0, 0 } })));
        Assert.Contains("must be finite", Refusal(tensor(new[,] { { 1, float.NaN } })));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClusterContrastLoss(ones(1, 2), temperature: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClusterContrastLoss(ones(1, 2), momentum: 1.1));

        static string Refusal(Tensor centers) => Assert.ThrowsAny<ArgumentException>(() => new ClusterContrastLoss(centers)).Message;
    }

    private static (Tensor Centers, Tensor Embeddings, Tensor Labels) Batch(ScalarType dtype)
    {
        random.manual_seed(3);
        return (randn(Clusters, Dimension).to(dtype), randn(9, Dimension).to(dtype), tensor([0L, 2, 0, 1, 0, 4, 2, 1, 0]));
    }

    /// <summary>The rows that move a center, in order: all of them, or the one of each cluster with the lowest cosine.</summary>
    private static int[] Movers(double[][] rows, long[] labels, double[][] centers, bool hardest) => hardest
        ? [.. Enumerable.Range(0, rows.Length).GroupBy(row => labels[row])
            .Select(group => group.MinBy(row => rows[row].Zip(centers[labels[row]], (a, b) => a * b).Sum()))]
        : [.. Enumerable.Range(0, rows.Length)];

    private static double[][] Rows(Tensor x) => [.. x.data<double>().ToArray().Chunk((int)x.size(1))];

    private static double[][] Unit(double[][] rows) => [.. rows.Select(Unit)];

    private static double[] Unit(double[] row) => [.. row.Select(value => value / Math.Sqrt(row.Sum(v => v * v)))];
}
