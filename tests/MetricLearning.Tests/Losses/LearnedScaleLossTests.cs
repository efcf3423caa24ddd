using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the losses of two views that learn their scale against plain loops of their formulas.</summary>
[LeavesNoTensors]
public class LearnedScaleLossTests
{
    public static TheoryData<string> Names => ["clip", "siglip"];

    public static MatrixTheoryData<string, int> Sizes => new(["clip", "siglip"], [1, 2, 7, 40]);

    [Theory, MemberData(nameof(Sizes))]
    public void Value_AndEveryGradient_AreThoseOfTheFormula(string name, int rows)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, rows, 5), LossTable.Random(2, rows, 5));
        using var loss = Create(name);
        loss.to(ScalarType.Float64);
        Assert.Equal(Plain(loss, x, y), loss.call(x, y).item<double>(), 10);
        if (name == "clip" && rows == 1) return;        // a constant
        GradientCheck.Run(x, input => loss.call(input, y));
        GradientCheck.Run(y, input => loss.call(x, input));
        foreach (var (_, parameter) in loss.named_parameters())
            GradientCheck.Run(parameter.view(1), value =>
            {
                Set(parameter, value.item<double>());
                parameter.grad = null;
                return loss.call(x, y);
            }, gradient: () => parameter.grad!.view(1));
    }

    [Theory, InlineData(ScalarType.Float32, 1e-5), InlineData(ScalarType.Float16, 1e-5), InlineData(ScalarType.BFloat16, 1e-5)]
    public void OtherTypes_GiveTheFormulaOfTheirNumbers(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 9, 5).to(type), LossTable.Random(2, 9, 5).to(type));
        foreach (var name in new[] { "clip", "siglip" })
        {
            using var loss = Create(name);
            var expected = Plain(loss, x.to(ScalarType.Float64), y.to(ScalarType.Float64));
            Assert.Equal(expected, loss.call(x, y).item<float>(), tolerance * expected);
        }
    }

    /// <summary>The logits are up to 10⁶ here, whose exponential float32 cannot hold.</summary>
    [Theory]
    [InlineData(-200, 0), InlineData(0, 0), InlineData(4.6, 0), InlineData(13.8, 0), InlineData(2, 1e6), InlineData(2, -1e6)]
    public void ExtremeScales_OverflowNothing(double logScale, double bias)
    {
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            var (x, y) = (LossTable.Random(1, 6, 4).to(dtype).requires_grad_(), LossTable.Random(2, 6, 4).to(dtype).requires_grad_());
            // A limit of its own lets the scale of ClipLoss be as large as that of SigLipLoss.
            using var clip = new ClipLoss(maximumScale: 1e7);
            using var sigLip = new SigLipLoss(bias: bias);
            Set(clip.LogitScale, logScale);
            Set(sigLip.LogitScale, logScale);
            foreach (var loss in new ViewLoss[] { clip, sigLip })
            {
                var value = loss.call(x, y);
                value.backward();
                var expected = Plain(loss, x.detach().to(ScalarType.Float64), y.detach().to(ScalarType.Float64));
                Assert.Equal(expected, value.to(ScalarType.Float64).item<double>(), 1e-6 * expected);
                Assert.All(loss.parameters().Append(x).Append(y), leaf => Assert.True(leaf.grad!.isfinite().all().item<bool>()));
            }
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void NoRows_GiveZero_AndAGradientOfZero(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        var (x, y) = (zeros(0, 5).requires_grad_(), zeros(0, 5).requires_grad_());
        var value = loss.call(x, y);
        value.backward();
        Assert.Equal(0, value.item<float>());
        Assert.All(loss.parameters(), parameter => Assert.Equal(0, parameter.grad!.item<float>()));
        Assert.Equal([0, 5], x.grad!.shape);
        Assert.Equal([0, 5], y.grad!.shape);
    }

    [Theory, MemberData(nameof(Names))]
    public void ARowOfZeros_HasTheCosineZero_AndFiniteGradients(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 4, 5), LossTable.Random(2, 4, 5));
        x[1] = 0;
        y[1] = 0;
        y[2] = 0;
        using var loss = Create(name);
        Assert.Equal(Plain(loss, x, y), loss.call(x.requires_grad_(), y.requires_grad_()).item<double>(), 10);
        loss.call(x, y).backward();
        Assert.True(x.grad!.isfinite().all().item<bool>() && y.grad!.isfinite().all().item<bool>());
    }

    [Theory, MemberData(nameof(Names))]
    public void OneRow_ThatIsNotFinite_GivesNaN(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Create(name);
        foreach (var wrong in new[] { float.NaN, float.PositiveInfinity })
            Assert.All([loss.call(tensor(new[,] { { wrong, 1 } }), ones(1, 2)), loss.call(ones(1, 2), tensor(new[,] { { wrong, 1 } }))],
                value => Assert.True(float.IsNaN(value.item<float>())));
    }

    [Fact]
    public void Clip_IsTheSameForSwappedViews_AndSigLipToo()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 8, 5), LossTable.Random(2, 8, 5));
        foreach (var name in new[] { "clip", "siglip" })
        {
            using var loss = Create(name);
            Assert.Equal(loss.call(x, y).item<double>(), loss.call(y, x).item<double>(), 12);
        }
    }

    /// <summary>A row whose partner is there twice has two columns of equal logits, of which one is wrong.</summary>
    [Fact]
    public void TwoPairsOfOneThing_AreNegativesOfEachOther()
    {
        using var scope = NewDisposeScope();
        var same = tensor(new[,] { { 1.0, 2 }, { 1, 2 } });
        using var clip = new ClipLoss();
        using var sigLip = new SigLipLoss(bias: 0);
        Assert.Equal(Math.Log(2), clip.call(same, same).item<double>(), 12);
        Assert.Equal(Softplus(-10) + Softplus(10), sigLip.call(same, same).item<double>(), 1e-6);
    }

    [Fact]
    public void TheScale_StopsAtItsMaximum_AndComesBack()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 8, 5), LossTable.Random(2, 8, 5));
        using var loss = new ClipLoss();
        using var atLimit = new ClipLoss(temperature: 0.01);
        loss.to(ScalarType.Float64);
        atLimit.to(ScalarType.Float64);
        Set(loss.LogitScale, Math.Log(100) + 3);
        Set(atLimit.LogitScale, Math.Log(100));
        Assert.Equal(100, loss.Scale, 12);
        Assert.Equal(atLimit.call(x, y).item<double>(), loss.call(x, y).item<double>(), 12);
        // Partners of other rows are nearer: a smaller scale is better. The gradient is that at the limit.
        loss.call(x, y).backward();
        atLimit.call(x, y).backward();
        Assert.True(loss.LogitScale.grad!.item<double>() > 0);
        Assert.Equal(atLimit.LogitScale.grad!.item<double>(), loss.LogitScale.grad!.item<double>(), 10);
        // All partners are nearest, but not at distance 0: a greater scale is better, so the gradient would raise it further.
        loss.zero_grad();
        var near = eye(6, dtype: ScalarType.Float64) + 0.97;
        loss.call(near, near).backward();
        Assert.Equal(0, loss.LogitScale.grad!.item<double>());
        atLimit.zero_grad();
        atLimit.call(near, near).backward();
        Assert.True(atLimit.LogitScale.grad!.item<double>() < 0);
    }

    [Theory, MemberData(nameof(Names))]
    public void AnOptimizer_MovesTheParameters(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 8, 5).to(ScalarType.Float32), LossTable.Random(2, 8, 5).to(ScalarType.Float32));
        using var loss = Create(name);
        using var optimizer = optim.Adam(loss.parameters(), lr: 0.05);
        var first = loss.call(x, y).item<float>();
        for (var step = 0; step < 20; step++)
        {
            optimizer.zero_grad();
            loss.call(x, y).backward();
            optimizer.SafeStep();
        }
        Assert.True(loss.call(x, y).item<float>() < first);
    }

    [Theory, MemberData(nameof(Names))]
    public void AGradientCache_GivesTheGradientOfOnePass_AlsoOfTheParameters(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 8, 5), LossTable.Random(2, 8, 5));
        var weight = LossTable.Random(3, 5, 4).requires_grad_();
        using var loss = Create(name);
        loss.to(ScalarType.Float64);
        loss.call(x.matmul(weight), y.matmul(weight)).backward();
        Tensor[] leaves = [weight, .. loss.parameters()];
        var expected = Array.ConvertAll(leaves, leaf => leaf.grad!.clone());
        foreach (var leaf in leaves) leaf.grad = null;
        new GradientCache(rows => rows.matmul(weight), rowsPerChunk: 3).Backward([x, y], views => loss.call(views[0], views[1]));
        Assert.All(leaves.Zip(expected), pair => Assert.True(pair.First.grad!.allclose(pair.Second, 1e-10, 1e-12)));
    }

    [Fact]
    public void AFixedScale_StaysAndIsSaved()
    {
        using var scope = NewDisposeScope();
        using var loss = new ClipLoss(temperature: 0.05) { LearnsScale = false };
        using var learning = new ClipLoss(temperature: 0.05);
        Assert.Equal((false, true), (loss.LearnsScale, learning.LearnsScale));
        Assert.Equal(20, loss.Scale, 1e-5);
        var x = LossTable.Random(1, 8, 5).requires_grad_();
        loss.call(x, LossTable.Random(2, 8, 5)).backward();
        Assert.Null(loss.LogitScale.grad);
        Assert.NotNull(x.grad);
        loss.to(ScalarType.Float64);
        Assert.False(loss.LearnsScale);
        Assert.Equal("logit_scale", Assert.Single(loss.state_dict().Keys));
    }

    [Theory, MemberData(nameof(Names))]
    public void State_IsSavedAndLoaded(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 8, 5), LossTable.Random(2, 8, 5));
        using var loss = Create(name);
        using var other = Create(name);
        Assert.Equal(name == "clip" ? ["logit_scale"] : ["logit_bias", "logit_scale"],
            loss.state_dict().Keys.Order(StringComparer.Ordinal));
        foreach (var parameter in loss.parameters()) Set(parameter, 1.25);
        Assert.NotEqual(loss.call(x, y).item<double>(), other.call(x, y).item<double>());
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.bin");
        try
        {
            var (saved, loaded) = (new TrainingCheckpoint(), new TrainingCheckpoint());
            saved.Add("loss", loss);
            saved.Save(path);
            loaded.Add("loss", other);
            loaded.Load(path);
        }
        finally
        {
            File.Delete(path);
        }
        Assert.Equal(loss.call(x, y).item<double>(), other.call(x, y).item<double>());
        using var third = Create(name);
        third.load_state_dict(loss.state_dict());
        Assert.Equal(loss.call(x, y).item<double>(), third.call(x, y).item<double>());
    }

    [Theory, MemberData(nameof(Names))]
    public void TheConstructor_DrawsNothing(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var expected = randn(4);
        manual_seed(3);
        using var loss = Create(name);
        Assert.Equal(expected, randn(4));
    }

    [Fact]
    public void TheScale_AtFirst_IsThatOfThePapers()
    {
        using var clip = new ClipLoss();
        using var sigLip = new SigLipLoss();
        Assert.Equal(1 / 0.07, clip.Scale, 1e-5);
        Assert.Equal(10, sigLip.Scale, 1e-5);
        Assert.Equal(-10, sigLip.LogitBias.item<float>());
        using var limit = new ClipLoss(temperature: 1 / 300.0, maximumScale: 300);
        Assert.Equal(300, limit.Scale, 1e-3);
        Assert.StartsWith("temperature must be at least 1 / maximumScale = 0.01.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ClipLoss(temperature: 0.009)).Message);
    }

    private static ViewLoss Create(string name) => (ViewLoss)ModuleTable.Create(name);

    private static void Set(Tensor parameter, double value)
    {
        using var noGradient = no_grad();
        parameter.fill_(value);
    }

    private static double Softplus(double z) => Math.Max(z, 0) + Math.Log(1 + Math.Exp(-Math.Abs(z)));

    /// <summary>The loss by loops over float64 views, at the parameters of a loss.</summary>
    private static double Plain(ViewLoss loss, Tensor first, Tensor second)
    {
        var n = (int)first.size(0);
        double Number(Tensor parameter) => parameter.to(ScalarType.Float64).item<double>();
        double Cosine(int i, int j)
        {
            var (x, y) = (first[i].data<double>().ToArray(), second[j].data<double>().ToArray());
            var lengths = Math.Sqrt(x.Sum(v => v * v)) * Math.Sqrt(y.Sum(v => v * v));
            return lengths == 0 ? 0 : x.Zip(y, (a, b) => a * b).Sum() / lengths;
        }
        if (loss is SigLipLoss sigLip)
        {
            var (t, b) = (Math.Exp(Number(sigLip.LogitScale)), Number(sigLip.LogitBias));
            double Cost(int i, int j) => Softplus((i == j ? -1 : 1) * (t * Cosine(i, j) + b));
            return Enumerable.Range(0, n).Sum(i => Enumerable.Range(0, n).Sum(j => Cost(i, j))) / n;
        }
        var clip = (ClipLoss)loss;
        var scale = Math.Min(Math.Exp(Number(clip.LogitScale)), clip.MaximumScale);
        double CrossEntropy(Func<int, double> logit, int own)
        {
            var top = Enumerable.Range(0, n).Max(logit);
            return top + Math.Log(Enumerable.Range(0, n).Sum(j => Math.Exp(logit(j) - top))) - logit(own);
        }
        return Enumerable.Range(0, n).Average(i =>
            (CrossEntropy(j => scale * Cosine(i, j), i) + CrossEntropy(j => scale * Cosine(j, i), i)) / 2);
    }
}
