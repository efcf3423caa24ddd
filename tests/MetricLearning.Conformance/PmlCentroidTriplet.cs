namespace MetricLearning.Conformance;

/// <summary>The centroid triplet loss of pytorch-metric-learning's older releases.</summary>
public static class PmlCentroidTriplet
{
    /// <summary>Where the classes are equally large, the peer meets the last three of the other classes only; so do we, when told to.</summary>
    public static Verdict Check(GoldenCase golden)
    {
        using var loss = new CentroidTripletLoss(golden.Number("margin")) { NegativeClasses = 3 };
        return LossCase.Check(golden, c => loss.call(c.Embeddings, c.Labels));
    }
}
