using CsCheck;

namespace MetricLearning.Tests;

public class StatisticsTests
{
    [Theory]
    [InlineData(5, 10, 0.1870860, 0.8129140)]
    [InlineData(0, 10, 0, 0.3084971)]
    [InlineData(10, 10, 0.6915029, 1)]
    public void Rate_HasTheIntervalOfClopperAndPearson(int successes, int trials, double low, double high)
    {
        var interval = BinomialIntervals.Rate(successes, trials, 0.95);
        Assert.Equal((double)successes / trials, interval.Estimate);
        Assert.Equal(low, interval.Low, 1e-6);
        Assert.Equal(high, interval.High, 1e-6);
    }

    [Theory]
    [InlineData(0, 1_800_000_000L, 0, 2.0493774724077676e-09)]
    [InlineData(2, 1_800_000_000L, 1.3456071033052742e-10, 4.013715364513075e-09)]
    [InlineData(1, 1_000_000L, 2.5317804e-08, 5.571633e-06)]
    public void Rate_OfAFewInBillions_HasItsIntervalToFourDigits(long successes, long trials, double low, double high)
    {
        var interval = BinomialIntervals.Rate(successes, trials, 0.95);
        Assert.Equal(low, interval.Low, 1e-4 * low);
        Assert.Equal(high, interval.High, 1e-4 * high);
    }

    [Fact]
    public void Rate_WithoutASuccess_HasTheClosedForm()
    {
        for (var trials = 1; trials < 500; trials++)
            Assert.Equal(1 - Math.Pow(0.025, 1.0 / trials), BinomialIntervals.Rate(0, trials, 0.95).High, 1e-13);
    }

    [Fact]
    public void InfiniteValues_AreRefused_WithTheirPlace()
    {
        foreach (var value in new[] { double.PositiveInfinity, double.NegativeInfinity })
        {
            double[] bad = [1, double.NaN, value], good = [1, 2, 3];
            var calls = new (string Name, Action Call)[]
            {
                ("values", () => new Bootstrap().OverQueries(bad)), ("values", () => new Bootstrap().OverIdentities(bad, [1, 2, 3])),
                ("runs", () => new Bootstrap().OverIdentitiesAndRuns([good, bad], [1, 2, 3])),
                ("first", () => PairedTest.Compare(bad, good)), ("second", () => PairedTest.Compare(good, bad)),
                ("first", () => PairedTest.Compare(bad, bad)),
            };
            foreach (var (name, call) in calls)
            {
                var e = Assert.Throws<ArgumentException>(call);
                Assert.Equal(name, e.ParamName);
                Assert.Contains(FormattableString.Invariant($"got {value} at 2"), e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void AConfidenceOf0Or1_IsRefused()
    {
        foreach (var confidence in new[] { 0.0, 1.0 })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new VerificationEvaluator { Confidence = confidence });
            Assert.Throws<ArgumentOutOfRangeException>(() => new Bootstrap { Confidence = confidence });
        }
    }

    [Fact]
    public void QuantileRanks_AreThoseOfTheBinomialDistribution()
    {
        Assert.Equal((2, 9), BinomialIntervals.QuantileRanks(0.5, 10, 0.95));
        Assert.Equal((0, 1), BinomialIntervals.QuantileRanks(0, 10, 0.95));
        Assert.Equal((10, 11), BinomialIntervals.QuantileRanks(1, 10, 0.95));
        var (low, high) = BinomialIntervals.QuantileRanks(1e-3, 50_000_000, 0.95);      // ± 1.96 √(n p (1 − p))
        Assert.InRange(low, 50_000 - 440, 50_000 - 436);
        Assert.InRange(high, 50_000 + 436, 50_000 + 441);
    }

    [Fact]
    public void Bootstrap_OverQueries_IsAboutTheNormalInterval_AndRepeats()
    {
        var random = new SeededRandom(2);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => random.NextGaussian()), double.NaN];
        var interval = new Bootstrap { Seed = 5 }.OverQueries(values);
        var mean = values[..400].Average();
        var error = Math.Sqrt(values[..400].Sum(v => (v - mean) * (v - mean))) / 400;
        Assert.Equal(mean, interval.Estimate, 1e-12);
        Assert.Equal(mean - 1.96 * error, interval.Low, 0.15 * error);
        Assert.Equal(mean + 1.96 * error, interval.High, 0.15 * error);
        Assert.Equal(interval, new Bootstrap { Seed = 5 }.OverQueries(values));
        Assert.NotEqual(interval, new Bootstrap { Seed = 6 }.OverQueries(values));
    }

    [Fact]
    public void Bootstrap_OverIdentities_DrawsThemWhole()
    {
        long[] identities = [.. Enumerable.Range(0, 300).Select(i => (long)(i / 10))];
        double[] values = [.. identities.Select(identity => (double)(identity % 2))];
        var (alone, whole) = (new Bootstrap().OverQueries(values), new Bootstrap().OverIdentities(values, identities));
        Assert.Equal(alone.Estimate, whole.Estimate, 1e-12);
        Assert.Equal(Math.Sqrt(10), (whole.High - whole.Low) / (alone.High - alone.Low), 0.3);
    }

    [Fact]
    public void LongTests_CanBeCanceled_BeforeAndMidway()
    {
        double[] values = [.. Enumerable.Range(0, 1000).Select(i => (double)i)];
        var endless = new Bootstrap { Resamples = 20_000_000 };
        Action<CancellationToken>[] calls =
        [
            token => endless.OverQueries(values, token),
            token => endless.OverIdentities(values, [.. values.Select(value => (long)value)], token),
            token => PairedTest.Compare(values, new double[1000], permutations: int.MaxValue, cancellationToken: token),
        ];
        foreach (var call in calls)
        {
            Assert.Throws<OperationCanceledException>(() => call(new CancellationToken(canceled: true)));
            using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
            Assert.Throws<OperationCanceledException>(() => call(soon.Token));
        }
    }

    [Fact]
    public void OverIdentitiesAndRuns_SeesBothSpreads()
    {
        var random = new SeededRandom(4);
        long[] people = [.. Enumerable.Range(0, 400).Select(i => i / 10L)];
        double[] Run(double shift) => [.. people.Select(person => person / 100.0 + shift + 0.01 * random.NextGaussian())];
        var bootstrap = new Bootstrap { Resamples = 2000 };
        var alike = Run(0);
        var one = bootstrap.OverIdentities(alike, people);
        Assert.Equal(one, bootstrap.OverIdentitiesAndRuns([alike], people));

        double[][] apart = [Run(-0.3), Run(0), Run(0.3)];
        var wide = bootstrap.OverIdentitiesAndRuns(apart, people);
        Assert.Equal(apart.Average(run => run.Average()), wide.Estimate, 1e-12);
        // Three draws among -0.3, 0 and 0.3 have a mean of -0.3 once in 27, and a mean of 0.3 as often. Both are more than 2.5 %.
        Assert.True(wide.Low < one.Low - 0.2 && wide.High > one.High + 0.2, $"{one} {wide}");

        apart[1][5] = double.NaN;       // left out of all three runs
        var kept = Enumerable.Range(0, 400).Where(i => i != 5);
        Assert.Equal(apart.Average(run => kept.Average(i => run[i])), bootstrap.OverIdentitiesAndRuns(apart, people).Estimate, 1e-12);
        Assert.Contains("at least one run", Assert.Throws<ArgumentException>(
            () => bootstrap.OverIdentitiesAndRuns([], people)).Message, StringComparison.Ordinal);
        Assert.Contains("got 400 and 2", Assert.Throws<ArgumentException>(
            () => bootstrap.OverIdentitiesAndRuns([alike, [1, 2]], people)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BenjaminiHochberg_DividesByTheRank() => Gen.Double[0, 1].Array[0, 12].Sample(p =>
    {
        var expected = p.Select(own => p.Where(other => other >= own)
            .Min(other => Math.Min(1, p.Length * other / p.Count(v => v <= other))));
        Assert.Equal(expected, MultipleComparisons.BenjaminiHochberg(p), (a, b) => Math.Abs(a - b) < 1e-12);
        foreach (var (holm, rate) in MultipleComparisons.Holm(p).Zip(MultipleComparisons.BenjaminiHochberg(p)))
            Assert.True(rate <= holm + 1e-12);
        var withNaN = MultipleComparisons.BenjaminiHochberg([.. p, double.NaN]);
        Assert.Equal(MultipleComparisons.BenjaminiHochberg(p), withNaN.Take(p.Length));
        Assert.True(double.IsNaN(withNaN[^1]));
    }, iter: 100, threads: 1);

    [Fact]
    public void Holm_MultipliesAndKeepsTheOrder()
    {
        // 4 · 0.005, 3 · 0.01, 2 · 0.03, then the largest so far.
        double[] expected = [0.03, 0.06, 0.06, 0.02, double.NaN];
        Assert.Equal(expected, MultipleComparisons.Holm([0.01, 0.04, 0.03, 0.005, double.NaN]), (a, b) => a.Equals(b)
            || Math.Abs(a - b) < 1e-15);
        Assert.Equal([1.0, 1.0], MultipleComparisons.Holm([0.6, 0.7]));
        Assert.Empty(MultipleComparisons.Holm([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => MultipleComparisons.Holm([0.5, 1.5]));
    }

    [Fact]
    public void Compare_GivesStudentsTest()
    {
        var test = PairedTest.Compare([0, 0, 0, 0, 0, double.NaN], [1, 2, 3, 4, 5, 9]);
        Assert.Equal(5, test.Count);
        Assert.Equal(3, test.Difference.Estimate, 1e-12);
        Assert.Equal(0.0132356, test.StudentP, 1e-6);
        Assert.Equal(3 - 2.776445 * Math.Sqrt(0.5), test.Difference.Low, 1e-5);
        Assert.Equal(2.0 / 32, test.PermutationP, 0.01);
        Assert.StartsWith("difference 3.0000 [1.0368, 4.9632] over 5; p: t-test 0.01324, permutations 0.0", test.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_ByIdentity_CountsIdentities()
    {
        var test = PairedTest.Compare([0, 0, 0, 0], [1, 1, 1, 1.5], [7, 7, 8, 9]);
        Assert.Equal(3, test.Count);
        Assert.Equal(1.125, test.Difference.Estimate, 1e-12);
        var alone = PairedTest.Compare([0.0], [1.0]);
        Assert.True(double.IsNaN(alone.StudentP) && double.IsNaN(alone.Difference.Low));
        Assert.Equal(1, alone.PermutationP);
        Assert.Equal(1, PairedTest.Compare([1, 2], [1, 2]).StudentP);
    }

    [Fact]
    public void Compare_GivesWilcoxonsTest()
    {
        // scipy.stats.wilcoxon 1.10.1: exact for ten differences, by the normal distribution for eighty with ties.
        double[] ten = [.1, -.2, .35, .4, .55, -.6, .7, .85, -.9, 1.2];
        Assert.Equal(0.322265625, P(ten), 1e-12);
        Assert.Equal(0.0058005955515858035, P([.. Enumerable.Range(0, 80).Select(i => (i * 37 % 101 - 40) / 64.0)]), 1e-9);
        // With ties and a zero: all 2⁹ choices of signs, counted one by one.
        double[] tied = [1, -1, 2, 2, -2, 3, 3, 3, 0, 4];
        Assert.Equal(0.05078125, P(tied), 1e-12);
        Assert.Equal(1, P([0, 0]));
        Assert.Equal(1, P([3]));
        Assert.True(double.IsNaN(P([])));

        static double P(double[] differences) => PairedTest.Compare(new double[differences.Length], differences).WilcoxonP;
    }

    [Fact]
    public void Compare_RefusesDifferentLengths()
    {
        Assert.Contains("got 1 and 2", Assert.Throws<ArgumentException>(() => PairedTest.Compare([1.0], [1.0, 2.0])).Message,
            StringComparison.Ordinal);
        Assert.Contains("queryIdentities must have one entry", Assert.Throws<ArgumentException>(
            () => PairedTest.Compare([1.0], [1.0], [1, 2])).Message, StringComparison.Ordinal);
    }
}
