namespace MetricLearning;

/// <summary>The figures of one query; all are NaN where it was skipped. Averages over queries are those of the report.</summary>
public sealed record QueryResult
{
    internal QueryResult(int query, SkipReason skipped) => (Query, Skipped) = (query, skipped);

    /// <summary>The query's row.</summary>
    public int Query { get; }

    /// <summary>Why it was skipped, or <see cref="SkipReason.None"/>.</summary>
    public SkipReason Skipped { get; }

    /// <summary>R: how many gallery pictures match.</summary>
    public int Matches { get; internal init; }

    /// <summary>How many gallery pictures the protocol leaves.</summary>
    public int Candidates { get; internal init; }

    /// <summary>The rank of the first match, from 1 (its expectation under <see cref="TiePolicy.Expected"/>).</summary>
    public double FirstMatch { get; internal init; } = double.NaN;

    /// <summary>The rank of the last match, from 1 (its expectation under <see cref="TiePolicy.Expected"/>).</summary>
    public double LastMatch { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ i / rᵢ</c> over the ranks <c>rᵢ</c> of the matches (torchreid, fast-reid, and most papers).</summary>
    public double AveragePrecision { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ ½ (i / rᵢ + (i−1) / (rᵢ−1))</c>, the second term 1 where <c>rᵢ = 1</c> (Market-1501's own code).</summary>
    public double AveragePrecisionTrapezoid { get; internal init; } = double.NaN;

    /// <summary><c>R / rank of the last match</c> (Ye et al., 2021).</summary>
    public double InverseNegativePenalty { get; internal init; } = double.NaN;

    /// <summary><c>1 / rank of the first match</c>.</summary>
    public double ReciprocalRank { get; internal init; } = double.NaN;

    /// <summary>The share of matches among the first R.</summary>
    public double RPrecision { get; internal init; } = double.NaN;

    /// <summary><c>(1/R) Σ i / rᵢ</c> over the matches with <c>rᵢ ≤ R</c> (MAP@R, Musgrave et al., 2020).</summary>
    public double AveragePrecisionAtR { get; internal init; } = double.NaN;

    /// <summary>How many matches are expected among the first k, for each of the evaluator's cut-offs.</summary>
    internal double[] HitsAt { get; init; } = [];
}
