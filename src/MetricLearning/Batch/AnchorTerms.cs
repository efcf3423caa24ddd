using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Makes loss terms with one value per anchor from the masked entries of its row.</summary>
internal static class AnchorTerms
{
    /// <summary>Computes log Σ exp of the logits of each anchor's positives, and of its negatives: [2, N].</summary>
    /// <param name="x">[N, M], the matrix that the logits are computed from.</param>
    /// <param name="pairs">Over N rows and M columns.</param>
    /// <param name="pull">The logit of a positive.</param>
    /// <param name="push">The logit of a negative.</param>
    /// <param name="empty">The value of a side that an anchor lacks; −∞ by default.</param>
    public static Tensor PullAndPush<TFunction>(Tensor x, Pairs pairs, TFunction pull, TFunction push,
        double empty = double.NegativeInfinity)
        where TFunction : struct, IElementFunction =>
        MaskedReductions.Of(x, (pairs.Positives, new MaskedLogSumExp<TFunction>(pull, empty)),
            (pairs.Negatives, new MaskedLogSumExp<TFunction>(push, empty)));

    /// <summary>Computes softplus(pull + push) of each anchor from [2, N]; 0 if either is −∞.</summary>
    public static LossTerm SoftplusOfSum(Tensor sides)
    {
        var values = RowMath.Softplus(sides.sum(dim: 0));
        return new(values, RowMath.Rows(values));
    }

    /// <summary>Computes for each anchor the sum of a function over the entries that a mask keeps, and the number of these
    /// entries.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="entry">The function.</param>
    public static LossTerm Sums<TFunction>(Tensor x, Tensor mask, TFunction entry) where TFunction : struct, IElementFunction
    {
        var (all, active) = (new MaskedCount<Affine>(new(0, 1)), new MaskedCount<TFunction>(entry));
        var sums = MaskedReductions.Of(x, (mask, new MaskedSum<TFunction>(entry)), (mask, all), (mask, active));
        Tensor Count(long place) => sums.select(0, place).detach().to(ScalarType.Int64);
        return new(sums.select(0, 0), RowMath.Rows(x)) { Counts = Count(1), ActiveCounts = Count(2) };
    }
}
