using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ClassSumsTests
{
    private const int Rows = 11;

    /// <summary>The logits of the kernel, and the same logits by tensor operations that are written here.</summary>
    private static readonly Dictionary<string, (Func<Tensor, OtherLogits> Logits, Func<Tensor, Tensor> Plain)> functions = new()
    {
        ["same"] = (_ => OtherLogits.Same, x => x),
        ["scaled"] = (_ => OtherLogits.Of(new Affine(-30, 4)), x => 4 - 30 * x),
        ["self-paced"] = (_ => OtherLogits.Of(new SelfPaced(-20, 0.3, 1, 0.3)),
            x => 20 * (x.detach() + 0.3).clamp(min: 0) * (x - 0.3)),
        ["clamped"] = (_ => OtherLogits.Of(new ClampedScale(25, 0.5)), x => 25 * x.clamp(-0.5, 0.5)),
        ["hard classes"] = (x => HardClasses.Of(9, Limits(x).squeeze(1), tensor(0.25, x.dtype)),
            x => 9 * where(x > Limits(x), x * (x + 0.25), x)),
    };

    public static TheoryData<string> Names => [.. functions.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Of_AgreesWithPlainTensors_InValueAndGradient(string name)
    {
        var (logits, plain) = functions[name];
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 2e-5), (ScalarType.Float64, 1e-13) })
            foreach (var classes in new[] { 2, 3, 7, 8, 9, 16, 61 })
            {
                using var scope = NewDisposeScope();
                var (x, labels) = Scores(classes, type);
                var weights = randn(3, Rows, ScalarType.Float64);
                var places = labels.unsqueeze(1);
                var expected = stack([x.gather(1, places).squeeze(1),
                    With(plain(x), places, double.NegativeInfinity).logsumexp(1), With(plain(x), places, 0).sum(1)]);
                var (own, top, logSum, sum) = ClassSums.Of(new(x), labels, logits(x));
                var actual = stack([own, top + logSum, sum + (classes - 1) * top]);
                Assert.Equal(ScalarType.Float64, actual.dtype);
                Near(expected, actual, tolerance);
                Near(autograd.grad([(expected.to(ScalarType.Float64) * weights).sum()], [x])[0],
                    autograd.grad([(actual * weights).sum()], [x])[0], 30 * tolerance);
            }
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void Of_GradientAndItsGradient_AreThoseOfPlainTensors(string name)
    {
        using var scope = NewDisposeScope();
        var (logits, plain) = functions[name];
        var (x, labels) = Scores(10, ScalarType.Float64);
        var places = labels.unsqueeze(1);
        var expected = Second(x.gather(1, places).squeeze(1), With(plain(x), places, double.NegativeInfinity).logsumexp(1),
            With(plain(x), places, 0).sum(1));
        var (own, top, logSum, sum) = ClassSums.Of(new(x), labels, logits(x));
        Near(expected, Second(own, top + logSum, sum + 9 * top), 1e-11);
        Gradient.Release();

        Tensor Second(Tensor score, Tensor logs, Tensor all)
        {
            var first = autograd.grad([(score * logs).sum() + (all * score).sin().sum()], [x], retain_graph: true, create_graph: true)[0];
            return cat([first, autograd.grad([first.pow(2).sum()], [x])[0]]);
        }
    }

    [Fact]
    public void Costs_OfLargeLogits_KeepTheDigitsOfTheLogits()
    {
        using var scope = NewDisposeScope();
        foreach (var offset in new[] { 1e4, -1e4, 1e30 })
        {
            manual_seed(3);
            var logits = (offset + randn(Rows, 50, ScalarType.Float64)).to(ScalarType.Float32);
            var labels = arange(Rows);
            var exact = logits.to(ScalarType.Float64).requires_grad_();
            var single = logits.clone().requires_grad_();
            foreach (var mass in new[] { 0, 0.1 })
            {
                var expected = nn.functional.cross_entropy(exact, labels, label_smoothing: mass, reduction: nn.Reduction.None);
                var actual = new ClassLogits(single).SmoothedCosts(labels, mass, LabelSmoothingForm.AllClasses);
                Assert.Equal(ScalarType.Float32, actual.dtype);
                Near(expected, actual, 1e-6);
                Near(autograd.grad([expected.sum()], [exact])[0], autograd.grad([actual.sum()], [single])[0], 1e-6);
            }
        }
        Gradient.Release();
    }

    [Fact]
    public void Costs_ThatATypeWouldRoundAway_AreZero_WithTheDigitsOfTheirGradient()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 30f, 0, 0, 15, 0, 0 }).view(2, 3).requires_grad_();
        var costs = new ClassLogits(logits).Costs(zeros(2, ScalarType.Int64));
        Assert.Equal(0, costs[0].item<float>());
        Assert.Equal(2 * Math.Exp(-15), costs[1].item<float>(), 1e-12);
        costs.sum().backward();
        Assert.Equal(Math.Exp(-30), logits.grad![0, 1].item<float>(), 1e-19);
        Assert.Equal(-2 * Math.Exp(-30), logits.grad![0, 0].item<float>(), 1e-19);
        Gradient.Release();
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Costs_OfOneClass_AreZero_WithoutGradient(bool plain)
    {
        using var scope = NewDisposeScope();
        var logits = randn(3, 1).requires_grad_();
        var labels = zeros(3, ScalarType.Int64);
        var costs = new ClassLogits(logits).Costs(labels);
        Assert.Equal(0, costs.abs().max().item<float>());
        var gradient = autograd.grad([costs.sum()], [logits], create_graph: plain)[0];
        Assert.Equal(0, gradient.abs().max().item<float>());
        Gradient.Release();
    }

    [Fact]
    public void Costs_OfInfiniteLogits_AreThoseOfACrossEntropy()
    {
        using var scope = NewDisposeScope();
        var infinity = float.PositiveInfinity;
        foreach (var row in new[]
        {
            new[] { 1, -infinity, 2 }, [-infinity, 1, 2], [1, infinity, 2], [infinity, 1, 2], [1, -infinity, -infinity],
            [-infinity, -infinity, -infinity], [1, float.NaN, 2], [float.NaN, 1, 2],
        })
        {
            Tensor expected = tensor(row).unsqueeze(0).requires_grad_(), actual = expected.detach().clone().requires_grad_();
            var label = zeros(1, ScalarType.Int64);
            var (theirs, ours) = (nn.functional.cross_entropy(expected, label), new ClassLogits(actual).Costs(label).sum());
            Assert.Equal(theirs.item<float>(), ours.item<float>(), 1e-6f);
            if (!float.IsFinite(theirs.item<float>())) continue;
            theirs.backward();
            ours.backward();
            Near(expected.grad!, actual.grad!, 1e-6);
        }
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void NaN_SpoilsItsOwnRow_InValueAndGradient(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var place in new[] { 0, 5, 12 })
        {
            var (x, labels) = Scores(13, ScalarType.Float32);
            x = x.detach().clone();
            x[2, place] = float.NaN;
            x.requires_grad_();
            labels[2] = 5;
            var costs = new ClassLogits(new ClassScores(x), functions[name].Logits(x), own => own * 3).Costs(labels);
            Assert.Equal([2], costs.isnan().nonzero().data<long>().ToArray());
            costs.sum().backward();
            Assert.True(x.grad![2].isnan().all().item<bool>());
            Assert.Equal(13, x.grad!.isnan().sum().item<long>());
        }
        Gradient.Release();
    }

    [Fact]
    public void EveryNumberOfThreads_AndEveryNumberOfRows_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        var x = randn(257, 1301);
        var labels = randint(1301, 257, ScalarType.Int64);
        var (one, two) = (Run(1, x, labels), Run(2, x, labels));
        Assert.Equal(one, two);
        var part = Run(2, x.narrow(0, 100, 7), labels.narrow(0, 100, 7));
        Assert.Equal(one[100..107], part[..7]);
        Assert.Equal(one[(257 + 100 * 1301)..(257 + 107 * 1301)], part[7..]);

        static float[] Run(int count, Tensor scores, Tensor classes)
        {
            using var threads = new TorchThreads(count);
            var leaf = scores.detach().clone().requires_grad_();
            var costs = new ClassLogits(new ClassScores(leaf), 20).SmoothedCosts(classes, 0.1, LabelSmoothingForm.AllClasses);
            costs.sum().backward();
            Gradient.Release();
            return [.. costs.data<float>(), .. leaf.grad!.data<float>()];
        }
    }

    [Fact]
    public void Costs_OfAProduct_AreThoseOfItsMatrix_InEveryBackwardPass()
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 1e-5), (ScalarType.Float64, 1e-13) })
        {
            using var scope = NewDisposeScope();
            manual_seed(5);
            var (x, y) = (randn(Rows, 6, type).requires_grad_(), randn(13, 6, type).requires_grad_());
            var labels = randint(13, Rows, ScalarType.Int64);
            var product = new ClassLogits(new ClassScores(x, y), 3, own => own - 0.2).Costs(labels).sum();
            var matrix = new ClassLogits(new ClassScores(x.matmul(y.t())), 3, own => own - 0.2).Costs(labels).sum();
            Near(matrix, product, tolerance);
            var expected = autograd.grad([matrix], [x, y]);
            for (var pass = 0; pass < 3; pass++)
            {
                var actual = autograd.grad([product], [x, y], retain_graph: true);
                for (var i = 0; i < 2; i++) Near(expected[i], actual[i], tolerance);
            }
            var ofOne = autograd.grad([new ClassLogits(new ClassScores(x.detach(), y), 3, own => own - 0.2).Costs(labels).sum()], [y])[0];
            Near(expected[1], ofOne, tolerance);
        }
        Gradient.Release();
    }

    [Fact]
    public void Costs_OfNoRows_AreEmpty()
    {
        using var scope = NewDisposeScope();
        var logits = empty(0, 5).requires_grad_();
        var costs = new ClassLogits(logits).Costs(empty(0, ScalarType.Int64));
        Assert.Equal([0], costs.shape);
        costs.sum().backward();
        Assert.Equal([0, 5], logits.grad!.shape);
        Gradient.Release();
    }

    /// <summary>Replaces the logit of each row's own class by another number.</summary>
    private static Tensor With(Tensor logits, Tensor places, double own) =>
        logits.scatter(1, places, full_like(places, own, logits.dtype));

    private static Tensor Limits(Tensor x) => linspace(-0.4, 0.4, Rows, x.dtype).unsqueeze(1);

    private static (Tensor X, Tensor Labels) Scores(int classes, ScalarType type)
    {
        manual_seed(classes);
        // The scores are not contiguous.
        var x = (rand(classes, Rows, type).t() * 2 - 1).detach().requires_grad_();
        return (x, randint(classes, Rows, ScalarType.Int64));
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        var difference = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs();
        Assert.True((difference <= tolerance * (1 + expected.abs().to(ScalarType.Float64))).all().item<bool>(),
            $"{difference.max().item<double>():E2}");
    }
}
