namespace MetricLearning.Conformance;

/// <summary>Cross entropy with label smoothing, as PyTorch, torchreid, reid-strong-baseline and fast-reid define it.</summary>
public static class CrossEntropy
{
    public static Verdict Check(GoldenCase golden)
    {
        var epsilon = golden.Param("eps")!.Value.GetDouble();
        using var loss = !golden.Peer.StartsWith("fast-reid", StringComparison.Ordinal) ? new LabelSmoothingCrossEntropyLoss(epsilon)
            : epsilon < 0 ? LabelSmoothingCrossEntropyLoss.FastReIdAdaptive(golden.Param("alpha")!.Value.GetDouble())
            : LabelSmoothingCrossEntropyLoss.FastReId(epsilon);
        return LossCase.Check(golden, c => loss.call(c.Leaf("logits"), c.Labels));
    }
}
