using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TripletCostsTests
{
    public static TheoryData<bool, bool, double, bool> Ways
    {
        get
        {
            var data = new TheoryData<bool, bool, double, bool>();
            foreach (var squared in (bool[])[false, true])
                foreach (var soft in (bool[])[false, true])
                    foreach (var floor in squared ? [0.0] : (double[])[0, 5])
                        foreach (var itself in (bool[])[false, true])
                            data.Add(squared, soft, floor, itself);
            return data;
        }
    }

    [Theory, MemberData(nameof(Ways))]
    public void Of_AgreesWithTensorOperations_BothWays_AndOnEveryNumberOfThreads(bool squared, bool soft, double floor, bool itself)
    {
        var (form, hinge) = (new EuclideanForm(squared, floor), new TripletCost(1.1, 0.9, 0.4, soft));
        foreach (var (rows, width) in new[] { (11, 5), (37, 150), (300, 1031) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var x = randn(width, rows, requires_grad: true);
            var y = itself ? x : randn(rows + 2, width, requires_grad: true);
            var triplets = new Triplets(randint(rows, [60]), randint(rows, [60]), randint(rows, [60]), rows, itself ? rows : rows + 2);
            var weights = randn(60);
            var (value, gradients) = Run(() => FusedTripletCosts.Of(x.t(), itself ? x.t() : y, triplets, form, hinge), itself);
            var plain = Run(() => Plain(x.t().to(ScalarType.Float64), (itself ? x.t() : y).to(ScalarType.Float64)), itself);
            Near(plain.Value, value, 1e-6);
            foreach (var (expected, actual) in plain.Gradients.Zip(gradients)) Near(expected, actual, 1e-5);

            (Tensor Value, IList<Tensor> Gradients) Run(Func<Tensor> costs, bool one)
            {
                var before = get_num_threads();
                var runs = new List<(Tensor Value, IList<Tensor> Gradients)>();
                foreach (var threads in (int[])[1, 2, 3])
                {
                    set_num_threads(threads);
                    var made = costs();
                    runs.Add((made.detach(), autograd.grad([(made * weights).sum()], one ? new List<Tensor> { x } : [x, y])));
                }
                set_num_threads(before);
                if (runs[0].Value.dtype == ScalarType.Float32)
                    foreach (var run in runs.Skip(1))
                    {
                        Assert.True(run.Value.equal(runs[0].Value).all().item<bool>());
                        foreach (var (a, b) in run.Gradients.Zip(runs[0].Gradients)) Assert.True(a.equal(b).all().item<bool>());
                    }
                return runs[0];
            }

            Tensor Plain(Tensor left, Tensor right)
            {
                Tensor To(Tensor columns) => SelectedDistances.Plain(left, right, triplets.Anchors, columns, form);
                return hinge.Of(To(triplets.Positives), To(triplets.Negatives));
            }
        }
        Gradient.Release();
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Of_GradientOfTheGradient_IsThatOfTensorOperations(bool soft)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn(6, 5, dtype: ScalarType.Float64, requires_grad: true);
        var y = randn(7, 5, dtype: ScalarType.Float64, requires_grad: true);
        var triplets = new Triplets(tensor([0L, 1, 2, 5, 0]), tensor([1L, 3, 4, 2, 5]), tensor([3L, 4, 0, 6, 2]), 6, 7);
        var (form, hinge) = (new EuclideanForm(Squared: false), new TripletCost(1, 1, 1, soft));
        Tensor To(Tensor columns) => SelectedDistances.Plain(x, y, triplets.Anchors, columns, form);
        var expected = Second(hinge.Of(To(triplets.Positives), To(triplets.Negatives)));
        foreach (var (a, b) in expected.Zip(Second(FusedTripletCosts.Of(x, y, triplets, form, hinge)))) Near(a, b, 1e-12);
        Gradient.Release();

        IList<Tensor> Second(Tensor costs)
        {
            var first = autograd.grad([costs.pow(2).sum()], [x, y], retain_graph: true, create_graph: true);
            return autograd.grad([first[0].pow(2).sum() + first[1].pow(2).sum()], [x, y]);
        }
    }

    [Fact]
    public void Of_EqualRows_HasAFiniteGradient_AndNaNReachesTheCost()
    {
        using var scope = NewDisposeScope();
        var x = cat([ones(3, 20), full(1, 20, float.NaN)]).requires_grad_();
        Tensor Cost(long negative) => FusedTripletCosts.Of(
            x, x, new(tensor([0L]), tensor([1L]), tensor([negative]), 4, 4), new(Squared: false), new(1, 1, 0.3, Soft: false));
        var equal = Cost(negative: 2);
        Assert.Equal(0.3f, equal.item<float>());
        equal.backward();
        Assert.Equal(0, x.grad!.abs().max().item<float>());
        Assert.True(Cost(negative: 3).isnan().item<bool>());
        Gradient.Release();
    }

    [Fact]
    public void Of_IndexOutOfRange_NamesIt()
    {
        using var scope = NewDisposeScope();
        var x = ones(3, 2);
        var triplets = new Triplets(tensor([0L, 1]), tensor([0L, 3]), tensor([0L, 0]), 3, 3);
        var failure = Assert.Throws<ArgumentException>(() => FusedTripletCosts.Of(x, x, triplets, new(Squared: true),
            new(1, 1, 0, Soft: false)));
        Assert.StartsWith("positives must be in [0, 3), got 3 in row 1.", failure.Message, StringComparison.Ordinal);
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance) =>
        Assert.True((expected.to(ScalarType.Float64) - actual).abs().max().item<double>()
            <= tolerance * (1 + expected.abs().max().to(ScalarType.Float64).item<double>()));
}
