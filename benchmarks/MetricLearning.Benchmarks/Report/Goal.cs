namespace MetricLearning.Benchmarks;

/// <summary>A goal: a bound on the figures of a case.</summary>
/// <param name="What">The goal in words.</param>
/// <param name="Case">The name of the case.</param>
/// <param name="OfFloor">The longest time, as a multiple of the floor's.</param>
/// <param name="OfNaive">The longest time, as a multiple of the naive partner's.</param>
/// <param name="Faster">The least speed, as a multiple of the naive partner's.</param>
/// <param name="Milliseconds">The longest time.</param>
/// <param name="PeakMebibytes">The highest peak of memory.</param>
internal sealed record Goal(string What, string Case, double? OfFloor = null, double? OfNaive = null, double? Faster = null,
    double? Milliseconds = null, double? PeakMebibytes = null)
{
    private const string Market = "3368 x 15913, D = 2048";

    public static IReadOnlyList<Goal> All { get; } =
    [
        Step("batch-hard triplet (fast-reid)", "4096 x 512", ofFloor: 1.3, faster: 5),
        Step("batch-hard triplet (fast-reid)", "4096 x 512", ofFloor: 0.9),
        Step("batch-hard triplet (fast-reid)", "1024 x 512", ofFloor: 1.6, faster: 2.5),
        Step("batch-hard triplet (fast-reid)", "64 x 2048", faster: 2),
        Step("batch-hard triplet (PML)", "4096 x 512", faster: 5),
        Step("batch-hard triplet (PML)", "1024 x 512", faster: 2.5),
        Step("semi-hard triplet (Keras)", "256 x 512", faster: 20),
        Step("semi-hard triplet (Keras)", "512 x 512", faster: 20),
        Step("semi-hard triplet (Keras)", "1024 x 512", faster: 20),
        Step("multi-similarity, mined", "1024 x 512", faster: 2),
        Step("SupCon", "1024 x 512", faster: 2),
        Step("circle", "1024 x 512", faster: 2),
        Reported("64 x 2048"),
        Reported("1024 x 512"),
        Reported("4096 x 512"),
        new("P×K sampler, one epoch of 1,000,000 images", "samplers: P×K, one epoch, 1,000,000 images, 100,000 ids", Milliseconds: 500),
        new($"exact metrics in tiles of float32, {Market}", $"evaluation: ranks counted on float32, {Market}",
            OfFloor: 0.8, Faster: 3, PeakMebibytes: 256),
        new($"exact metrics, the fastest way, {Market}", $"evaluation: ranks counted on 16-bit integers, {Market}", OfFloor: 0.5),
        new("exact metrics, 10000 x 1000000, D = 256", "evaluation: ranks counted within 1 GB, 10000 x 1000000, D = 256",
            OfFloor: 1.2, PeakMebibytes: 1024),
        new($"k-reciprocal re-ranking and its metrics, {Market}", $"re-ranking: k-reciprocal with metrics, {Market}",
            Milliseconds: 60_000, PeakMebibytes: 2048),
        new("k-reciprocal re-ranking and its metrics, 11659 x 82161, D = 2048",
            "re-ranking: k-reciprocal with metrics, 11659 x 82161, D = 2048", PeakMebibytes: 4096),
        new("the nearest 100 exactly, 3,368 queries, 100,000 rows, D = 512, against mm and topk",
            "search: the nearest 100, 3,368 queries, 100,000 rows, D = 512", OfNaive: 0.6),
    ];

    /// <summary>The goal, the measurement, and whether it reaches the goal.</summary>
    public (string Asked, string Measured, bool Reached) Judge(Measurement m)
    {
        var parts = new List<(string Asked, string Measured, bool Reached)>();
        if (OfFloor is { } floor)
            parts.Add((F($"≤ {floor} × mm"), F($"{m.ToFloor!.Value.Value:F2} × mm"), m.ToFloor.Value.Value <= floor));
        if (OfNaive is { } share)
            parts.Add((F($"≤ {share} × the partner"), F($"{m.ToNaive!.Value.Value:F2} ×"), m.ToNaive.Value.Value <= share));
        if (Faster is { } faster)
        {
            var times = 1 / m.ToNaive!.Value.Value;
            parts.Add((F($"≥ {faster} × as fast as naive"), F($"{times:#,0.0} ×"), times >= faster));
        }
        if (Milliseconds is { } limit) parts.Add((F($"< {limit} ms"), $"{Figure.Of(m.Ours.Milliseconds)} ms", m.Ours.Milliseconds < limit));
        if (PeakMebibytes is { } most)
        {
            var peak = m.Ours.PeakBytes / 1048576.0;
            parts.Add((F($"≤ {most} MiB"), peak is { } some ? F($"{some:F0} MiB") : "not known", peak <= most));
        }
        return (Joined(part => part.Asked), Joined(part => part.Measured), parts.All(part => part.Reached));

        string Joined(Func<(string Asked, string Measured, bool Reached), string> of) => string.Join(", ", parts.Select(of));
    }

    private static Goal Step(string loss, string shape, double? ofFloor = null, double? faster = null) =>
        new($"{loss}, {shape}, forward + backward", $"losses: {loss} forward + backward, {shape}", ofFloor, Faster: faster);

    private static Goal Reported(string shape) =>
        new($"LossSum.Compute of triplet + label smoothing, of the time of its two losses alone, {shape}",
            $"sharing: batch-hard triplet + label smoothing with their report, ours one by one as partner, {shape}", OfNaive: 1.05);

    private static string F(FormattableString text) => FormattableString.Invariant(text);
}
