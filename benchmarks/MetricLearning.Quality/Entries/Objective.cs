using static MetricLearning.Quality.StepData;
using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>A loss, what it looks at, and what it does after a step.</summary>
/// <param name="Loss">The loss, which the objective owns.</param>
/// <param name="Value">Its value in a step.</param>
/// <param name="AfterStep">What is due after a step.</param>
internal sealed record Objective(nn.Module Loss, Func<StepData, Tensor> Value, Action? AfterStep = null) : IDisposable
{
    /// <summary>A loss on embeddings and labels.</summary>
    public static Objective Of(nn.Module<Tensor, Tensor, Tensor> loss, Action? afterStep = null) =>
        new(loss, step => loss.call(step.Embedding, step.Labels), afterStep);

    /// <summary>A sum of losses. A loss that selects no output of the network gets the features.</summary>
    public static Objective Of(LossSum loss) => new(loss, step => loss.call(step.Output, step.Labels));

    /// <summary>A loss on the scores of the network's classifier.</summary>
    public static Objective OfLogits(LogitLoss loss) => new(loss, step => loss.call(step.Output.Logits!, step.Labels));

    /// <summary>A loss on two views, which are two pictures of one identity.</summary>
    public static Objective OfViews(ViewLoss loss) =>
        new(loss, step => loss.call(First(step.Embedding), Second(step.Embedding)));

    public void Dispose() => Loss.Dispose();
}
