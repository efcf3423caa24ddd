using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loss terms with one value per anchor, made of the masked entries of its row.</summary>
internal static class AnchorTerms
{
    /// <summary>log Σ exp of the pull of each anchor's positives, and of the push of its negatives: [2, N].</summary>
    /// <param name="x">[N, M], what the logits are made of.</param>
    /// <param name="pairs">Over N rows and M columns.</param>
    /// <param name="pull">The logits of positives.</param>
    /// <param name="push">The logits of negatives.</param>
    /// <param name="empty">The value of a side that an anchor lacks; −∞ by default.</param>
    public static Tensor PullAndPush<TFunction>(Tensor x, Pairs pairs, TFunction pull, TFunction push,
        double empty = double.NegativeInfinity)
        where TFunction : struct, IElementFunction =>
        MaskedReductions.Of(x, (pairs.Positives, new MaskedLogSumExp<TFunction>(pull, empty)),
            (pairs.Negatives, new MaskedLogSumExp<TFunction>(push, empty)));

    /// <summary>For each anchor softplus(pull + push) of [2, N]; 0 where either is −∞.</summary>
    public static LossTerm SoftplusOfSum(Tensor sides)
    {
        var values = RowMath.Softplus(sides.sum(dim: 0));
        return new(values, RowMath.Rows(values));
    }

    /// <summary>For each anchor the sum of what is made of the entries that a mask keeps, and of how many values it is.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="entry">What is made of an entry.</param>
    public static LossTerm Sums<TFunction>(Tensor x, Tensor mask, TFunction entry) where TFunction : struct, IElementFunction
    {
        var (all, active) = (new MaskedCount<Affine>(new(0, 1)), new MaskedCount<TFunction>(entry));
        var sums = MaskedReductions.Of(x, (mask, new MaskedSum<TFunction>(entry)), (mask, all), (mask, active));
        Tensor Count(long place) => sums.select(0, place).detach().to(ScalarType.Int64);
        return new(sums.select(0, 0), RowMath.Rows(x)) { Counts = Count(1), ActiveCounts = Count(2) };
    }
}
