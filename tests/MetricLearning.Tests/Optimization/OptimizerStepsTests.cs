using MetricLearning.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class OptimizerStepsTests
{
    private static readonly Dictionary<string, Func<IReadOnlyList<Parameter>, OptimizerHelper>> makers = new()
    {
        ["sgd"] = p => (OptimizerHelper)optim.SGD(p, 0.1),
        ["sgd momentum"] = p => (OptimizerHelper)optim.SGD(p, 0.1, momentum: 0.9, dampening: 0.1, weight_decay: 0.01),
        ["sgd nesterov"] = p => (OptimizerHelper)optim.SGD(p, 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: true),
        ["sgd maximize"] = p => (OptimizerHelper)optim.SGD(p, 0.01, maximize: true),
        ["adam"] = p => optim.Adam(p, 0.01),
        ["adam decay"] = p => optim.Adam(p, 0.01, 0.8, 0.95, 1e-6, weight_decay: 0.1),
        ["amsgrad"] = p => optim.Adam(p, 0.01, weight_decay: 0.01, amsgrad: true),
        ["adam maximize"] = p => optim.Adam(p, 0.01, maximize: true),
        ["adamw"] = p => optim.AdamW(p, 0.01, weight_decay: 0.1),
        ["adamw amsgrad"] = p => optim.AdamW(p, 0.01, amsgrad: true),
        ["adam groups"] = p => optim.Adam([new Adam.ParamGroup([p[0]], lr: 0.01), new Adam.ParamGroup([p[1]], lr: 0.1, weight_decay: 1)]),
    };

    public static TheoryData<string> Names => [.. makers.Keys];

    /// <summary>SGD agrees to the bit. Adam agrees up to rounding, because libtorch's square root of float32 is not correctly
    /// rounded.</summary>
    [Theory, MemberData(nameof(Names))]
    public void SafeStep_IsTorchSharpsStep(string name)
    {
        using var scope = NewDisposeScope();
        var (ours, theirs, mixed) = (Train(name, _ => true), Train(name, _ => false), Train(name, step => step % 2 == 0));
        AssertClose(theirs, ours, name.StartsWith("sgd", StringComparison.Ordinal) ? 0 : 2e-6);
        AssertClose(theirs, mixed, name.StartsWith("sgd", StringComparison.Ordinal) ? 0 : 2e-6);
    }

    /// <summary>Parameters have many sizes and layouts. Some are updated in one pass over their memory, others by libtorch's operations.
    /// Some gradients overflow or are NaN. The bits do not depend on the number of threads.</summary>
    [Theory]
    [InlineData("adam"), InlineData("adam decay"), InlineData("amsgrad"), InlineData("adam maximize")]
    [InlineData("adamw"), InlineData("adamw amsgrad")]
    public void AStepInOnePass_IsTorchSharpsStep(string name)
    {
        using var scope = NewDisposeScope();
        var ours = Run(safe: true);
        set_num_threads(2);
        var onTwoThreads = Run(safe: true);
        set_num_threads(1);
        var theirs = Run(safe: false);
        Assert.All(ours.Zip(onTwoThreads, theirs), all =>
        {
            Assert.Equal(all.First, all.Second);
            AssertClose(all.Third, all.First, 2e-6);
        });

        float[][] Run(bool safe)
        {
            random.manual_seed(7);
            Tensor[] start =
            [
                randn(1), randn(5), randn(8), randn(300, 701), randn(16, 3, 3, 3), ImageLayout.SideBySide(randn(24, 16, 3, 3)),
                randn(24, 16, 3, 3), randn(9, 4, ScalarType.Float64), randn(40, 30).t(), tensor(0.5f), zeros(0, 4),
            ];
            var parameters = start.Select(values => new Parameter(values)).ToArray();
            using var optimizer = makers[name](parameters);
            for (var step = 0; step < 5; step++)
            {
                for (var i = 0; i < parameters.Length; i++)
                {
                    var gradient = randn_like(parameters[i]) * Math.Pow(10, step - 3);
                    if (i == 3 && step == 3) (gradient[0, 5], gradient[1, 2]) = (tensor(float.NaN), tensor(float.PositiveInfinity));
                    if (i == 3 && step == 2) gradient[2, 3] = tensor(1e30f);
                    parameters[i].grad = i == 6 ? ImageLayout.SideBySide(gradient) : gradient;
                }
                if (safe) optimizer.SafeStep();
                else optimizer.step();
            }
            return [.. parameters.Select(parameter => TensorMemory.Copy<float>(parameter.detach().to(ScalarType.Float32)))];
        }
    }

    [Fact]
    public void ABackwardPassAfterTheStep_ThroughAGraphOfOldValues_Throws()
    {
        using var scope = NewDisposeScope();
        foreach (var maker in new[] { "adam", "adamw", "sgd" })
        {
            var weight = new Parameter(randn(6, 5));
            using var optimizer = makers[maker]([weight, new Parameter(ones(1))]);
            var loss = (weight * weight).sum();
            loss.backward(retain_graph: true);
            optimizer.SafeStep();
            Assert.Contains("modified by an inplace operation", Assert.ThrowsAny<Exception>(() => loss.backward()).Message,
                StringComparison.Ordinal);
        }
    }

    /// <summary>Compares with Adam (Kingma and Ba) and with AdamW's decoupled weight decay (Loshchilov and Hutter), computed number by
    /// number in float64.</summary>
    [Theory]
    [InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void SafeStep_IsTheAlgorithmOfThePapers(bool decoupled, bool amsgrad)
    {
        const double rate = 0.02, decay = 0.1, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
        using var scope = NewDisposeScope();
        var x = new Parameter(tensor([1.5, -0.3]));
        using OptimizerHelper optimizer = decoupled ? optim.AdamW([x], rate, beta1, beta2, epsilon, decay, amsgrad)
            : optim.Adam([x], rate, beta1, beta2, epsilon, decay, amsgrad);
        double[] expected = [1.5, -0.3], mean = [0, 0], squares = [0, 0], largest = [0, 0];
        for (var step = 1; step <= 20; step++)
        {
            optimizer.zero_grad();
            (x * x * x).sum().backward();
            optimizer.SafeStep();
            for (var i = 0; i < 2; i++)
            {
                var gradient = 3 * expected[i] * expected[i] + (decoupled ? 0 : decay * expected[i]);
                if (decoupled) expected[i] -= rate * decay * expected[i];
                mean[i] = beta1 * mean[i] + (1 - beta1) * gradient;
                squares[i] = beta2 * squares[i] + (1 - beta2) * gradient * gradient;
                largest[i] = Math.Max(largest[i], squares[i]);
                var second = (amsgrad ? largest[i] : squares[i]) / (1 - Math.Pow(beta2, step));
                expected[i] -= rate * (mean[i] / (1 - Math.Pow(beta1, step))) / (Math.Sqrt(second) + epsilon);
            }
        }
        Assert.Equal(expected, x.detach().data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-13);
    }

    [Fact]
    public void AParameterWithoutAGradient_Stays_AndOtherOptimizersAreRefused()
    {
        using var scope = NewDisposeScope();
        var (used, unused) = (new Parameter(ones(2)), new Parameter(ones(3)));
        using var optimizer = optim.AdamW([used, unused], 0.1, weight_decay: 0.5);
        (used * used).sum().backward();
        optimizer.SafeStep();
        Assert.True(unused.eq(ones(3)).all().item<bool>());
        Assert.False(used.eq(ones(2)).any().item<bool>());
        using var other = optim.RMSProp([used]);
        Assert.Contains("RMSProp", Assert.Throws<NotSupportedException>(other.SafeStep).Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("sgd momentum"), InlineData("adam"), InlineData("adamw")]
    public void ASparseGradient_IsRefused_AndNothingChanges(string name)
    {
        using var scope = NewDisposeScope();
        using var embedding = nn.Embedding(5, 3, sparse: true);
        var dense = new Parameter(ones(2));
        using var optimizer = makers[name]([dense, embedding.weight!]);
        (dense.sum() + embedding.call(tensor(new long[] { 1 })).sum()).backward();
        Assert.Contains("[5, 3] is sparse", Assert.Throws<NotSupportedException>(optimizer.SafeStep).Message, StringComparison.Ordinal);
        Assert.Equal([1, 1], dense.detach().data<float>().ToArray());
        Assert.All(OptimizerStates.Of(optimizer).SelectMany(entry => OptimizerStates.Numbers(entry.State)),
            number => Assert.Equal(0, number.Get()));
    }

    [Fact]
    public void Sgd_TakesASparseGradient()
    {
        using var scope = NewDisposeScope();
        using var embedding = nn.Embedding(5, 3, sparse: true);
        using var before = embedding.weight!.detach().clone();
        using var optimizer = makers["sgd"]([embedding.weight!]);
        embedding.call(tensor(new long[] { 1, 1 })).sum().backward();
        optimizer.SafeStep();
        Assert.Equal([0, 0.6, 0, 0, 0],
            (before - embedding.weight!).sum(dim: 1).data<float>().ToArray().Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public void AParameterThatIsThereTwice_IsRefused()
    {
        using var scope = NewDisposeScope();
        var parameter = new Parameter(ones(2));
        using var optimizer = optim.SGD([parameter, parameter], 0.1);
        parameter.sum().backward();
        Assert.Contains("holds the parameter [2] twice", Assert.Throws<InvalidOperationException>(optimizer.SafeStep).Message,
            StringComparison.Ordinal);
        Assert.Equal([1, 1], parameter.detach().data<float>().ToArray());
    }

    public static MatrixTheoryData<string, bool> Disposals => new(makers.Keys, [false, true]);

    /// <summary>A checkpoint of a disposed optimizer would be one without its state.</summary>
    [Theory, MemberData(nameof(Disposals))]
    public void ADisposedOptimizer_OrParameter_IsRefused(string name, bool ofTheOptimizer)
    {
        using var scope = NewDisposeScope();
        var (parameter, other) = (new Parameter(ones(2)), new Parameter(ones(2)));
        var optimizer = makers[name]([other, parameter]);
        (parameter.sum() + other.sum()).backward();
        optimizer.SafeStep();
        var moved = other.detach().data<float>().ToArray();
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("optimizer", optimizer);
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        if (ofTheOptimizer) optimizer.Dispose();
        else parameter.Dispose();
        Assert.Throws<ObjectDisposedException>(optimizer.SafeStep);
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Save(path));
        Assert.False(File.Exists(path));
        Assert.Equal(moved, other.detach().data<float>().ToArray());
        optimizer.Dispose();
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance) =>
        Assert.Equal(expected, actual, (a, b) => a.Equals(b) || Math.Abs(a - b) <= tolerance * (1 + Math.Abs(a)));

    private static float[] Train(string name, Func<int, bool> safe)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(5);
        var (weight, bias, x, y) = (new Parameter(randn(4, 3)), new Parameter(randn(3)), randn(8, 4), randn(8, 3));
        using var optimizer = makers[name]([weight, bias]);
        for (var step = 0; step < 12; step++)
        {
            optimizer.zero_grad();
            var error = x.matmul(weight) + bias - y;
            (error * error).mean().backward();
            if (safe(step)) optimizer.SafeStep();
            else optimizer.step();
        }
        return [.. weight.detach().data<float>().ToArray(), .. bias.detach().data<float>().ToArray()];
    }
}
