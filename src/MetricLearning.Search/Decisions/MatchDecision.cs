using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning.Search;

/// <summary>Turns scores into answers: a match, no match, or unsure, with a probability. It is calibrated on labelled pairs.</summary>
/// <remarks>
/// <para>Match: the score is so near that at most the stated share of different pairs is as near (the false-match rate). No match: the
/// score is so far that at most the stated share of same pairs is as far (the false-non-match rate). Unsure: neither. A score that is both
/// is a match.</para>
/// <para>The rates are those of the labelled pairs' kind. A threshold from n different pairs holds with the uncertainty that
/// <see cref="FalseMatchRate"/> states: the interval of Clopper and Pearson holds the rate of all such pairs. Pairs must be independent of
/// each other for this; take pairs of many things, and not many pairs of few.</para>
/// <para>The probability is an isotonic regression of the labels. It holds where same and different pairs come as often as among the
/// labelled ones.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed class MatchDecision
{
    private readonly double[] starts, heights;
    private readonly double match, noMatch;

    private MatchDecision(bool largerIsNearer, double match, double noMatch, ConfidenceInterval falseMatches,
        ConfidenceInterval falseNonMatches, double[] starts, double[] heights)
    {
        (LargerIsNearer, this.match, this.noMatch) = (largerIsNearer, match, noMatch);
        (FalseMatchRate, FalseNonMatchRate, this.starts, this.heights) = (falseMatches, falseNonMatches, starts, heights);
    }

    /// <summary>Whether a larger score is nearer.</summary>
    public bool LargerIsNearer { get; }

    /// <summary>A score at least so near is a match.</summary>
    public double MatchThreshold => Signed(match);

    /// <summary>A score less near than this is no match.</summary>
    public double NoMatchThreshold => Signed(noMatch);

    /// <summary>The share of different pairs that are called a match, with its interval.</summary>
    public ConfidenceInterval FalseMatchRate { get; }

    /// <summary>The share of same pairs that are called no match, with its interval.</summary>
    public ConfidenceInterval FalseNonMatchRate { get; }

    /// <summary>Calibrates on labelled pairs.</summary>
    /// <param name="pairs">Pairs of both kinds.</param>
    /// <param name="falseMatchRate">The share of different pairs that may be called a match, in (0, 1). Default: 0.001.</param>
    /// <param name="falseNonMatchRate">The share of same pairs that may be called no match, in (0, 1). Default: 0.01.</param>
    /// <param name="largerIsNearer">Whether a larger score is nearer. Default: yes, as for cosines.</param>
    /// <param name="confidence">The confidence of the intervals, in (0, 1). Default: 0.95.</param>
    /// <exception cref="ArgumentNullException">The pairs are null.</exception>
    /// <exception cref="ArgumentException">A score is not finite, one kind of pair is missing, or there are too few pairs for a rate: it
    /// takes at least 1 / rate of the kind.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rate or the confidence is not in (0, 1).</exception>
    public static MatchDecision Calibrate(IEnumerable<LabelledPair> pairs, double falseMatchRate = 0.001, double falseNonMatchRate = 0.01,
        bool largerIsNearer = true, double confidence = 0.95)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        Share(falseMatchRate, nameof(falseMatchRate));
        Share(falseNonMatchRate, nameof(falseNonMatchRate));
        Share(confidence, nameof(confidence));
        LabelledPair[] given = [.. pairs];
        foreach (var pair in given)
            if (!double.IsFinite(pair.Score))
                throw new ArgumentException($"pairs must have finite scores, got {pair.Score.ToString(CultureInfo.InvariantCulture)}.",
                    nameof(pairs));
        double Sign(double score) => largerIsNearer ? score : -score;
        double[] same = Nearness(true), different = Nearness(false);
        var (match, falseMatches) = Above(different, falseMatchRate, "different", confidence, nameof(pairs));
        // The same question from the other side: same pairs that are too far.
        var (negative, falseNonMatches) = Above(Array.ConvertAll(same, score => -score), falseNonMatchRate, "same",
            confidence, nameof(pairs));
        var (starts, heights) = IsotonicFit.Of(given.Select(pair => (Sign(pair.Score), pair.Same)));
        return new MatchDecision(largerIsNearer, match, Math.BitIncrement(-negative), falseMatches, falseNonMatches, starts, heights);

        double[] Nearness(bool kind) => [.. given.Where(pair => pair.Same == kind).Select(pair => Sign(pair.Score))];
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static MatchDecision Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            var node = JsonNode.Parse(json)!.AsObject();
            double[] starts = Numbers("starts"), heights = Numbers("probabilities");
            if (starts.Length == 0 || starts.Length != heights.Length) throw new FormatException("its steps are not complete");
            return new MatchDecision((bool)node["largerIsNearer"]!, (double)node["match"]!, (double)node["noMatch"]!,
                Interval("falseMatchRate"), Interval("falseNonMatchRate"), starts, heights);

            double[] Numbers(string name) => [.. node[name]!.AsArray().Select(entry => (double)entry!)];

            ConfidenceInterval Interval(string name) => Numbers(name) is [var estimate, var low, var high, var confidence]
                ? new(estimate, low, high, confidence) : throw new FormatException($"{name} is not complete");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException)
        {
            throw new InvalidDataException($"The decision cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The decision as JSON, to be kept with a gallery.</summary>
    public string ToJson()
    {
        return new JsonObject
        {
            ["largerIsNearer"] = LargerIsNearer, ["match"] = match, ["noMatch"] = noMatch,
            ["falseMatchRate"] = Interval(FalseMatchRate), ["falseNonMatchRate"] = Interval(FalseNonMatchRate),
            ["starts"] = Numbers(starts), ["probabilities"] = Numbers(heights),
        }.ToJsonString();

        static JsonArray Interval(ConfidenceInterval rate) => Numbers([rate.Estimate, rate.Low, rate.High, rate.Confidence]);

        static JsonArray Numbers(double[] values) => [.. values.Select(value => (JsonNode)value)];
    }

    /// <summary>The answer to a score.</summary>
    /// <param name="score">The score, as a search gives it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The score is NaN.</exception>
    public MatchVerdict Decide(double score)
    {
        var nearness = Signed(Guard.NotNaN(score));
        var step = Array.BinarySearch(starts, nearness);
        var probability = heights[Math.Max(0, step >= 0 ? step : ~step - 1)];
        return new MatchVerdict(nearness >= match ? MatchAnswer.Match : nearness < noMatch ? MatchAnswer.NoMatch : MatchAnswer.Unsure,
            probability);
    }

    private double Signed(double value) => LargerIsNearer ? value : -value;

    /// <summary>The smallest threshold that at most a share of the values reach, and the interval of the share of all such values that
    /// do.</summary>
    private static (double Threshold, ConfidenceInterval Rate) Above(double[] values, double rate, string kind, double confidence,
        string name)
    {
        var allowed = (int)TargetRanks.Accepted(rate, values.Length);
        if (allowed == 0)
            throw new ArgumentException($"{name} must have at least {Math.Ceiling(1 / rate)} {kind} ones for a rate of "
                + $"{rate.ToString(CultureInfo.InvariantCulture)}, got {values.Length}.", name);
        Array.Sort(values);
        var threshold = Math.BitIncrement(values[^(allowed + 1)]);
        return (threshold, BinomialIntervals.Rate(values.LongCount(value => value >= threshold), values.Length, confidence));
    }

    private static void Share(double value, string name)
    {
        if (!(value > 0 && value < 1)) throw new ArgumentOutOfRangeException(name, value, $"{name} must be in (0, 1).");
    }
}
