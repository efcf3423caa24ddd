namespace MetricLearning.Tests;

/// <summary>Every distance of the library with its formula in plain C#. Reflection finds the distances, so a distance without a row fails
/// each of these tests.</summary>
internal static class DistanceTable
{
    private static readonly Dictionary<string, (Distance Distance, Func<double[], double[], double> Formula)> rows = new()
    {
        ["Euclidean"] = (Distance.Euclidean, (a, b) => Math.Sqrt(Squared(a, b))),
        ["EuclideanSquared"] = (Distance.EuclideanSquared, Squared),
        ["EuclideanClamped"] = (Distance.EuclideanClamped, (a, b) => Math.Sqrt(Math.Max(1e-12, Squared(a, b)))),
        ["Cosine"] = (Distance.Cosine, (a, b) => 1 - Dot(Unit(a), Unit(b))),
        ["Dot"] = (Distance.Dot, (a, b) => -Dot(a, b)),
        ["Lp(1)"] = (Distance.Lp(1), (a, b) => a.Zip(b).Sum(c => Math.Abs(c.First - c.Second))),
        ["Lp(3)"] = (Distance.Lp(3), (a, b) => Math.Cbrt(a.Zip(b).Sum(c => Math.Pow(Math.Abs(c.First - c.Second), 3)))),
        ["SignalToNoise"] = (Distance.SignalToNoise, (a, b) => Variance([.. a.Zip(b, (x, y) => x - y)]) / Variance(a)),
        ["Euclidean.Normalized()"] = (Distance.Euclidean.Normalized(), (a, b) => Math.Sqrt(Squared(Unit(a), Unit(b)))),
        ["Lp(1).Normalized(1)"] = (Distance.Lp(1).Normalized(1), (a, b) => a.Zip(b)
            .Sum(c => Math.Abs(c.First / One(a) - c.Second / One(b)))),
    };

    static DistanceTable()
    {
        var missing = typeof(Distance).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Distance)) && !type.IsAbstract)
            .Except(rows.Values.Select(row => row.Distance.GetType())).Select(type => type.Name).ToList();
        if (missing.Count > 0) throw new InvalidOperationException($"{nameof(DistanceTable)} has no row for {string.Join(", ", missing)}.");
    }

    public static IEnumerable<string> Names => rows.Keys;

    public static Distance Of(string name) => rows[name].Distance;

    public static Func<double[], double[], double> Formula(string name) => rows[name].Formula;

    private static double Dot(double[] a, double[] b) => a.Zip(b).Sum(c => c.First * c.Second);

    private static double Squared(double[] a, double[] b) => a.Zip(b).Sum(c => (c.First - c.Second) * (c.First - c.Second));

    private static double[] Unit(double[] a) => [.. a.Select(v => v / Math.Sqrt(Dot(a, a)))];

    private static double One(double[] a) => a.Sum(Math.Abs);

    private static double Variance(double[] a) => a.Sum(v => (v - a.Average()) * (v - a.Average())) / a.Length;
}
