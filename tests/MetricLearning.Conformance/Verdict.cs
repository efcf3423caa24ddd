namespace MetricLearning.Conformance;

/// <summary>What became of a case.</summary>
public enum Outcome { Passed, Failed, Skipped }

/// <summary>The outcome of a case, with the reason where it did not pass, or where there was no value of the peer's to meet.</summary>
public readonly record struct Verdict(Outcome Outcome, string Reason = "")
{
    public static Verdict Passed { get; } = new(Outcome.Passed);
    public static Verdict Failed(string reason) => new(Outcome.Failed, reason);

    /// <summary>The peer gives no value, for the reason given, and ours is what the library states instead.</summary>
    public static Verdict PassedByPolicy(string reason) => new(Outcome.Passed, reason);

    /// <summary>The library has no such piece; the reason says which.</summary>
    public static Verdict Skipped(string reason) => new(Outcome.Skipped, reason);
}
