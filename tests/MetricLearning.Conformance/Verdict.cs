namespace MetricLearning.Conformance;

/// <summary>What became of a case.</summary>
public enum Outcome { Passed, Failed, Skipped }

/// <summary>The outcome of a case, with the reason where it did not pass.</summary>
public readonly record struct Verdict(Outcome Outcome, string Reason = "")
{
    public static Verdict Passed { get; } = new(Outcome.Passed);
    public static Verdict Failed(string reason) => new(Outcome.Failed, reason);

    /// <summary>The library has no such piece, or the peer gives nothing to compare with; the reason says which.</summary>
    public static Verdict Skipped(string reason) => new(Outcome.Skipped, reason);
}
