using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>TorchSharp's own steps of optimizers.</summary>
internal static class Optimizers
{
    public static void Step(optim.Optimizer optimizer) => optimizer.step();
}
