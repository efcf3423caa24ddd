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

    /// <summary>To the bit, so that a run may change from one step to the other.</summary>
    [Theory, MemberData(nameof(Names))]
    public void SafeStep_IsTorchSharpsStep(string name)
    {
        using var scope = NewDisposeScope();
        var (ours, theirs, mixed) = (Train(name, _ => true), Train(name, _ => false), Train(name, step => step % 2 == 0));
        Assert.Equal(theirs, ours);
        Assert.Equal(theirs, mixed);
    }

    /// <summary>Kingma and Ba's algorithm with Loshchilov and Hutter's decay, number by number in float64.</summary>
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
