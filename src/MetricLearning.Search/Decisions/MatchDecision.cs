using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning.Search;

/// <summary>Turns scores into answers: a match, no match, or unsure, with a probability. It is calibrated on labelled pairs.</summary>
/// <remarks>
/// <para>Match: at most the given share of different pairs has a score as near as this one (the false-match rate). No match: at most the
/// given share of same pairs has a score as far as this one (the false-non-match rate). Unsure: neither holds. If the kinds are far apart,
/// both hold between the thresholds. Either answer keeps the rates there, so the calibrated probability decides: a match from 0.5
/// on.</para>
/// <para>The rates hold for pairs like the labelled ones. The intervals of <see cref="FalseMatchRate"/> and
/// <see cref="FalseNonMatchRate"/> state their uncertainty. If pairs have identities, the interval is that of Korn and Graubard (Survey
/// Methodology 1998), because errors of pairs with one identity are correlated. Otherwise it is that of Clopper and Pearson, and the pairs
/// must be independent of each other. In both cases many pairs of few identities carry little information.</para>
/// <para>The probability comes from an isotonic regression of the labels: the non-decreasing step function of the score that fits them
/// best. It holds if the share of same pairs is that of the labelled ones (<see cref="Prior"/>). For another share, pass it to
/// <see cref="Decide"/>, which multiplies the odds by prior / (1 − prior) · (1 − Prior) / Prior. That needs probabilities other than 0 and
/// 1, so the first and the last step are kept away from 0 and 1, by the distance that Platt (1999) gives.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed class MatchDecision
{
    private readonly AnswerRule rule;

    private MatchDecision(bool largerIsNearer, double prior, AnswerRule rule, ConfidenceInterval falseMatches,
        ConfidenceInterval falseNonMatches, EmbeddingSpace? space)
    {
        (LargerIsNearer, Prior, this.rule, Space) = (largerIsNearer, prior, rule, space);
        (FalseMatchRate, FalseNonMatchRate) = (falseMatches, falseNonMatches);
    }

    /// <summary>Whether a larger score is nearer.</summary>
    public bool LargerIsNearer { get; }

    /// <summary>The share of same pairs among the labelled ones, in (0, 1).</summary>
    public double Prior { get; }

    /// <summary>The threshold of a match: a score at least as near as this is a match, unless it is also farther than
    /// <see cref="NoMatchThreshold"/>.</summary>
    public double MatchThreshold => Signed(rule.Match);

    /// <summary>The threshold of no match: a score farther than this is not a match, unless it is also as near as
    /// <see cref="MatchThreshold"/>.</summary>
    public double NoMatchThreshold => Signed(rule.NoMatch);

    /// <summary>The embedding space whose scores it was calibrated on; null if it is not known. Scores of another network mean something
    /// else.</summary>
    public EmbeddingSpace? Space { get; }

    /// <summary>The share of different pairs that <see cref="Decide"/> calls a match, with its interval. It is below the rate that was
    /// asked for if the two kinds are far apart.</summary>
    public ConfidenceInterval FalseMatchRate { get; }

    /// <summary>The share of same pairs that <see cref="Decide"/> calls no match, with its interval. It is below the rate that was asked
    /// for if the two kinds are far apart.</summary>
    public ConfidenceInterval FalseNonMatchRate { get; }

    /// <summary>States the thresholds and the rates, each with its interval, in two lines.</summary>
    public override string ToString()
    {
        var (near, far) = LargerIsNearer ? ("from {0} on", "below {0}") : ("up to {0}", "above {0}");
        string Text(string format, double threshold) =>
            string.Format(CultureInfo.InvariantCulture, format, threshold.ToString("G6", CultureInfo.InvariantCulture));
        var both = LargerIsNearer ? MatchThreshold < NoMatchThreshold : MatchThreshold > NoMatchThreshold;
        return $"match {Text(near, MatchThreshold)}, no match {Text(far, NoMatchThreshold)}, "
            + (both ? "by the probability where both hold" : "unsure between")
            + $"\nfalse matches {FalseMatchRate}, false non-matches {FalseNonMatchRate}";
    }

    /// <summary>Calibrates on labelled pairs.</summary>
    /// <param name="pairs">Pairs of both kinds: same and different.</param>
    /// <param name="falseMatchRate">The share of different pairs that may be called a match, in (0, 1). Default: 0.001.</param>
    /// <param name="falseNonMatchRate">The share of same pairs that may be called no match, in (0, 1). Default: 0.01.</param>
    /// <param name="largerIsNearer">Whether a larger score is nearer. Default: true, as for cosines.</param>
    /// <param name="confidence">The confidence of the intervals, in (0, 1). Default: 0.95.</param>
    /// <param name="space">The embedding space of the scores, which is kept with the decision. Default: null, not known.</param>
    /// <exception cref="ArgumentNullException">The pairs are null.</exception>
    /// <exception cref="ArgumentException">A score is not finite, different pairs are nearer than same ones (as distances are without
    /// <paramref name="largerIsNearer"/> false), or there are too few same or different pairs for their rate: each rate needs at least 1 /
    /// rate pairs.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rate or the confidence is not in (0, 1).</exception>
    public static MatchDecision Calibrate(IEnumerable<LabelledPair> pairs, double falseMatchRate = 0.001, double falseNonMatchRate = 0.01,
        bool largerIsNearer = true, double confidence = 0.95, EmbeddingSpace? space = null)
    {
        var (decision, lack) = Of(pairs, falseMatchRate, falseNonMatchRate, largerIsNearer, confidence, space);
        return decision ?? throw new ArgumentException($"{nameof(pairs)} {lack}", nameof(pairs));
    }

    /// <summary>Calibrates on labelled pairs if there are enough of both kinds. A service can begin without a decision and make one
    /// later.</summary>
    /// <param name="pairs">Pairs of both kinds: same and different.</param>
    /// <param name="decision">The decision; null if there are too few same or different pairs for their rate: each rate needs at least 1 /
    /// rate pairs.</param>
    /// <param name="falseMatchRate">The share of different pairs that may be called a match, in (0, 1). Default: 0.001.</param>
    /// <param name="falseNonMatchRate">The share of same pairs that may be called no match, in (0, 1). Default: 0.01.</param>
    /// <param name="largerIsNearer">Whether a larger score is nearer. Default: true, as for cosines.</param>
    /// <param name="confidence">The confidence of the intervals, in (0, 1). Default: 0.95.</param>
    /// <param name="space">The embedding space of the scores, which is kept with the decision. Default: null, not known.</param>
    /// <returns>Whether there are enough pairs.</returns>
    /// <exception cref="ArgumentNullException">The pairs are null.</exception>
    /// <exception cref="ArgumentException">A score is not finite, or different pairs are nearer than same ones (as distances are without
    /// <paramref name="largerIsNearer"/> false).</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rate or the confidence is not in (0, 1).</exception>
    public static bool TryCalibrate(IEnumerable<LabelledPair> pairs, [NotNullWhen(true)] out MatchDecision? decision,
        double falseMatchRate = 0.001, double falseNonMatchRate = 0.01, bool largerIsNearer = true, double confidence = 0.95,
        EmbeddingSpace? space = null)
    {
        (decision, _) = Of(pairs, falseMatchRate, falseNonMatchRate, largerIsNearer, confidence, space);
        return decision is not null;
    }

    /// <summary>Reads a decision that <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <param name="space">The embedding space of the scores that it is to decide on. Default: null, which is not compared.</param>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
    /// <exception cref="InvalidDataException">The text is not such a decision, or it was calibrated in another embedding space; the message
    /// has both values.</exception>
    public static MatchDecision Parse(string json, EmbeddingSpace? space = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        var decision = Read(json);
        return space is null || decision.Space?.Conflicts(space, "in the decision", "in this program") is not { } conflicts ? decision
            : throw new InvalidDataException($"The decision was calibrated in another embedding space: {conflicts}. Calibrate it again.");
    }

    private static MatchDecision Read(string json)
    {
        try
        {
            var node = JsonMembers.Root(json);
            double[] starts = Numbers("starts"), heights = Numbers("probabilities");
            if (starts.Length == 0 || starts.Length != heights.Length) throw new FormatException("its steps are not complete");
            if (!starts.Zip(starts.Skip(1)).All(pair => pair.First < pair.Second)
                || !heights.Zip(heights.Skip(1)).All(pair => pair.First <= pair.Second) || heights[0] < 0 || heights[^1] > 1)
                throw new FormatException("its steps do not rise, with probabilities from 0 to 1");
            return new MatchDecision((bool)node.Member("largerIsNearer"), Guard.Between((double)node.Member("prior"), 0, 1, "prior"),
                new AnswerRule((double)node.Member("match"), (double)node.Member("noMatch"), starts, heights),
                Interval("falseMatchRate"), Interval("falseNonMatchRate"),
                node["space"] is { } space ? EmbeddingSpace.Parse(space.ToJsonString()) : null);

            double[] Numbers(string name) => [.. node.Entries(name).Select(entry => (double)entry)];

            ConfidenceInterval Interval(string name) => Numbers(name) is [var estimate, var low, var high, var confidence]
                ? new(estimate, low, high, confidence) : throw new FormatException($"{name} is not complete");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException
            or InvalidDataException)
        {
            throw new InvalidDataException($"The decision cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Writes the decision as JSON. Store it together with the gallery.</summary>
    public string ToJson()
    {
        var json = new JsonObject
        {
            ["largerIsNearer"] = LargerIsNearer, ["prior"] = Prior, ["match"] = rule.Match, ["noMatch"] = rule.NoMatch,
            ["falseMatchRate"] = Interval(FalseMatchRate), ["falseNonMatchRate"] = Interval(FalseNonMatchRate),
            ["starts"] = Numbers(rule.Starts), ["probabilities"] = Numbers(rule.Heights),
        };
        if (Space is not null) json.Add("space", JsonNode.Parse(Space.ToJson()));
        return json.ToJsonString();

        static JsonArray Interval(ConfidenceInterval rate) => Numbers([rate.Estimate, rate.Low, rate.High, rate.Confidence]);

        static JsonArray Numbers(double[] values) => [.. values.Select(value => (JsonNode)value)];
    }

    /// <summary>Answers whether a score is a match.</summary>
    /// <param name="score">The score, as a search gives it.</param>
    /// <param name="prior">The share of same pairs in your application, in (0, 1). It changes only the probability, never the answer.
    /// Default: null, <see cref="Prior"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The score is NaN, or the prior is not in (0, 1).</exception>
    public MatchVerdict Decide(double score, double? prior = null)
    {
        if (prior is { } given) Guard.Between(given, 0, 1, nameof(prior));
        var (answer, probability) = rule.Of(Signed(Guard.NotNaN(score)));
        if (prior is { } share)
        {
            var odds = share / (1 - share) * ((1 - Prior) / Prior);
            probability = probability * odds / (probability * odds + 1 - probability);
        }
        return new MatchVerdict(answer, probability);
    }

    private double Signed(double value) => LargerIsNearer ? value : -value;

    /// <summary>The decision, or null and what the pairs lack.</summary>
    private static (MatchDecision? Decision, string? Lack) Of(IEnumerable<LabelledPair> pairs, double falseMatchRate,
        double falseNonMatchRate, bool largerIsNearer, double confidence, EmbeddingSpace? space)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        Guard.Between(falseMatchRate, 0, 1);
        Guard.Between(falseNonMatchRate, 0, 1);
        Guard.Between(confidence, 0, 1);
        LabelledPair[] given = [.. pairs];
        foreach (var pair in given)
            if (!double.IsFinite(pair.Score))
                throw new ArgumentException($"pairs must have finite scores, got {pair.Score.ToString(CultureInfo.InvariantCulture)}.",
                    nameof(pairs));
        double Near(LabelledPair pair) => largerIsNearer ? pair.Score : -pair.Score;
        LabelledPair[] same = [.. given.Where(pair => pair.Same)], different = [.. given.Where(pair => !pair.Same)];
        double[] near = Array.ConvertAll(same, Near), far = Array.ConvertAll(different, Near);
        if (Above(far, falseMatchRate) is not { } match) return (null, Lacks("different", falseMatchRate, different.Length));
        // The threshold of no match is found in the same way, with the signs reversed.
        if (Above(Array.ConvertAll(near, value => -value), falseNonMatchRate) is not { } negative)
            return (null, Lacks("same", falseNonMatchRate, same.Length));
        if (Separation.IsReversed(near, far))
            throw new ArgumentException("pairs must be nearer if they are the same, but a different pair is nearer than a same one in "
                + (1 - Separation.NearerShare(near, far)).ToString("0.#%", CultureInfo.InvariantCulture) + " of all cases: pass "
                + (largerIsNearer ? "largerIsNearer: false if the scores are distances"
                    : "largerIsNearer: true if the scores are cosines or dot products")
                + ", and look whether the labels are reversed.", nameof(pairs));
        var (starts, heights) = IsotonicFit.Of(given.Select(pair => (Near(pair), pair.Same)));
        var rule = new AnswerRule(match, Math.BitIncrement(-negative), starts, heights);
        return (new MatchDecision(largerIsNearer, (double)same.Length / given.Length, rule,
            ClusteredRate.Of(different, pair => rule.Of(Near(pair)).Answer == MatchAnswer.Match, confidence),
            ClusteredRate.Of(same, pair => rule.Of(Near(pair)).Answer == MatchAnswer.NoMatch, confidence), space), null);
    }

    private static string Lacks(string kind, double rate, int count) => string.Create(CultureInfo.InvariantCulture,
        $"must have at least {Math.Ceiling(1 / rate)} {kind} pairs for a rate of {rate}, got {count}.");

    /// <summary>The smallest threshold that at most this share of the values reaches; null if there are too few values.</summary>
    private static double? Above(double[] values, double rate)
    {
        var allowed = (int)TargetRanks.Accepted(rate, values.Length);
        if (allowed == 0) return null;
        Array.Sort(values);
        return Math.BitIncrement(values[^(allowed + 1)]);
    }
}
