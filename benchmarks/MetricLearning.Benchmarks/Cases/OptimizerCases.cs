using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Steps of optimizers on all parameters of a network. The partner is TorchSharp's own step.</summary>
internal static class OptimizerCases
{
    public static IEnumerable<Case> All =>
    [
        Of("Adam with weight decay", parameters => optim.Adam(parameters, 1e-4, weight_decay: 5e-4)),
        Of("AdamW", parameters => optim.AdamW(parameters, 1e-4)),
        Of("SGD with momentum", parameters => (OptimizerHelper)optim.SGD(parameters, 1e-4, momentum: 0.9, weight_decay: 5e-4)),
    ];

    private static Case Of(string name, Func<IReadOnlyList<Parameter>, OptimizerHelper> make) =>
        new("networks", $"step of {name}", "the 11 million parameters of ResNet-18", device =>
        {
            var ((network, ours), (partner, theirs)) = (Made(), Made());
            return new(network, ours, partner, theirs)
            {
                Ours = () =>
                {
                    ours.SafeStep();
                    return [First(network)];
                },
                Naive = () =>
                {
                    Naive.Optimizers.Step(theirs);
                    return [First(partner)];
                },
            };

            (Backbone, OptimizerHelper) Made()
            {
                random.manual_seed(1);
                var backbone = ResNet.ResNet18();
                backbone.to(device);
                Parameter[] parameters = [.. backbone.parameters()];
                foreach (var parameter in parameters) parameter.grad = randn_like(parameter);
                return (backbone, make(parameters));
            }
        });

    private static Tensor First(Backbone network)
    {
        using var scope = NewDisposeScope();
        return network.parameters().First().detach().clone().MoveToOuterDisposeScope();
    }
}
