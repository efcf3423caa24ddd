using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss whose terms a sum can report.</summary>
internal interface IReportedLoss
{
    /// <summary>Computes the loss and keeps what a report needs. The caller has a dispose scope open.</summary>
    /// <param name="input">What the loss looks at.</param>
    /// <param name="labels">What the loss takes as labels.</param>
    /// <param name="batches">The batches of the step, which the caller disposes.</param>
    LossOutcome Evaluate(Tensor input, Tensor labels, LossBatches batches);
}
