namespace MetricLearning;

/// <summary>Detects when training no longer improves, by a figure such as the mAP of validation identities.</summary>
/// <remarks>
/// A score is better if it exceeds the best one by more than <see cref="MinimumDelta"/>, or, with <see cref="LowerIsBetter"/>, if it is
/// lower than the best one by more than that. After <see cref="Patience"/> consecutive scores that are not better, training should stop.
/// NaN is never better.
/// <code>
/// checkpoint.Add("stop", stop);                                           // a resumed run continues the count
/// var report = Evaluate(model);
/// var over = stop.Add(report.MeanAveragePrecision);                       // before saving, so that a resumed run knows this score
/// checkpoint.SaveLastAndBest(folder, report.MeanAveragePrecision);        // keeps the best weights
/// if (over) break;
/// </code>
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class EarlyStop : ITrainingState
{
    private double? best;
    private long count, sinceBest, placeOfBest;

    /// <summary>Creates an early stop.</summary>
    /// <param name="patience">The number of consecutive scores without improvement after which training should stop, at least 1. Default:
    /// 5.</param>
    /// <param name="minimumDelta">The difference from the best score that an improvement must exceed, 0 or greater. Default: 0.</param>
    /// <param name="lowerIsBetter">True for a loss. Default: false.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public EarlyStop(int patience = 5, double minimumDelta = 0, bool lowerIsBetter = false) =>
        (Patience, MinimumDelta, LowerIsBetter) = (Guard.AtLeast(patience, 1), Guard.NotNegative(minimumDelta), lowerIsBetter);

    /// <summary>The number of consecutive scores without improvement after which training should stop.</summary>
    public int Patience { get; }

    /// <summary>The difference from the best score that an improvement must exceed.</summary>
    public double MinimumDelta { get; }

    /// <summary>True for a loss.</summary>
    public bool LowerIsBetter { get; }

    /// <summary>The best score; null before the first one that is a number.</summary>
    public double? Best => best;

    /// <summary>The index of the best score among all added scores, from 0; null if there is none.</summary>
    public long? PlaceOfBest => best is null ? null : placeOfBest;

    /// <summary>The number of scores that have come since the best one.</summary>
    public long SinceBest => sinceBest;

    /// <summary>Whether training should stop.</summary>
    public bool IsOver => sinceBest >= Patience;

    /// <summary>Adds a score.</summary>
    /// <param name="score">The newest score; NaN is never better.</param>
    /// <returns>Whether training should stop.</returns>
    public bool Add(double score)
    {
        var isBetter = !double.IsNaN(score)
            && (best is not { } last || (LowerIsBetter ? score < last - MinimumDelta : score > last + MinimumDelta));
        if (isBetter) (best, placeOfBest, sinceBest) = (score, count, 0);
        else sinceBest++;
        count++;
        return IsOver;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> SaveState() => new Dictionary<string, double>(Settings)
    {
        ["count"] = count,
        ["since best"] = sinceBest,
        ["place of best"] = placeOfBest,
        ["best"] = best ?? double.NaN,
    };

    /// <inheritdoc/>
    /// <remarks>It also refuses the state of another <see cref="MinimumDelta"/> or <see cref="LowerIsBetter"/>, because its counts would be
    /// different. A resumed run may have another <see cref="Patience"/>, for example to train longer.</remarks>
    public void CheckState(IReadOnlyDictionary<string, double> state) => Read(state);

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double> state) => (count, sinceBest, placeOfBest, best) = Read(state);

    private Dictionary<string, double> Settings => new()
    {
        ["minimumDelta"] = MinimumDelta,
        ["lowerIsBetter"] = LowerIsBetter ? 1 : 0,
    };

    private (long Count, long SinceBest, long PlaceOfBest, double? Best) Read(IReadOnlyDictionary<string, double> state)
    {
        state.CheckSettings(Settings);
        var (count, since, place, best) = (state.Count("count"), state.Count("since best"), state.Count("place of best"),
            state.Number("best"));
        return since <= count && place <= count ? (count, since, place, double.IsNaN(best) ? null : best)
            : throw new ArgumentException($"{since} scores since the best one, which has place {place}, are not possible among {count}.",
                nameof(state));
    }
}
