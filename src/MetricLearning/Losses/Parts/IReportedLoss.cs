using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss whose terms a sum can report.</summary>
internal interface IReportedLoss
{
    /// <summary>Computes the loss and keeps the tensors for a report. The caller has a dispose scope open.</summary>
    /// <param name="input">The input of the loss.</param>
    /// <param name="labels">The labels for the loss.</param>
    /// <param name="batches">The batches of the step; the caller disposes them.</param>
    LossOutcome Evaluate(Tensor input, Tensor labels, LossBatches batches);
}
