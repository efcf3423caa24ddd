namespace MetricLearning.Conformance;

/// <summary>The result of a case.</summary>
public enum Outcome { Passed, Failed, Skipped }

/// <summary>The outcome of a case, with the reason if it did not pass or if the peer gives no value.</summary>
public readonly record struct Verdict(Outcome Outcome, string Reason = "")
{
    public static Verdict Passed { get; } = new(Outcome.Passed);
    public static Verdict Failed(string reason) => new(Outcome.Failed, reason);

    /// <summary>The peer gives no value, for the given reason. Ours is the value that the library states.</summary>
    public static Verdict PassedByPolicy(string reason) => new(Outcome.Passed, reason);

    /// <summary>The library has no such part; the reason names it.</summary>
    public static Verdict Skipped(string reason) => new(Outcome.Skipped, reason);
}
