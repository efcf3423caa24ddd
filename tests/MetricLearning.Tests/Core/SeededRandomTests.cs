namespace MetricLearning.Tests;

public class SeededRandomTests
{
    [Fact]
    public void SplitMix_GivesThePublishedNumbers()
    {
        // The sequence of seed 1234567 in Rosetta Code's task "Pseudo-random numbers/Splitmix64".
        var state = 1234567UL;
        ulong[] expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        Assert.All(expected, value => Assert.Equal(value, SeededRandom.SplitMix(ref state)));
    }

    [Fact]
    public void NextUInt64_GivesThePublishedNumbers()
    {
        // The reference vector of xoshiro256** from state (1, 2, 3, 4), as in the tests of rand_xoshiro.
        var random = new SeededRandom(1, 2, 3, 4);
        ulong[] expected =
        [
            11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600, 16172922978634559625, 8476171486693032832,
            10595114339597558777, 2904607092377533576,
        ];
        Assert.All(expected, value => Assert.Equal(value, random.NextUInt64()));
    }

    [Fact]
    public void Seed_FillsTheStateBySplitMix()
    {
        var state = 42UL;
        var byHand = new SeededRandom(SeededRandom.SplitMix(ref state), SeededRandom.SplitMix(ref state), SeededRandom.SplitMix(ref state),
            SeededRandom.SplitMix(ref state));
        var seeded = new SeededRandom(42);
        for (var i = 0; i < 10; i++) Assert.Equal(byHand.NextUInt64(), seeded.NextUInt64());
    }

    [Fact]
    public void NextInt_CoversTheRangeEvenly()
    {
        var random = new SeededRandom(1);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++) counts[random.NextInt(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
    }

    [Fact]
    public void NextInt_OfALargeBoundHasNoBias()
    {
        // The bound 3·2^29 has three equal thirds, and each must get a third of the draws. The remainder of 32 random bits would favor the
        // numbers below 2^30 by half. Multiplication without rejection would also favor some numbers by half, but its thirds would stay
        // equal, so this test does not see it.
        var random = new SeededRandom(2);
        var counts = new int[3];
        for (var i = 0; i < 60_000; i++) counts[random.NextInt(3 << 29) >> 29]++;
        Assert.All(counts, count => Assert.InRange(count, 19_400, 20_600));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt(0));
    }

    [Fact]
    public void NextDouble_IsUniform_NextGaussian_IsNormal()
    {
        var random = new SeededRandom(3);
        double sum = 0, gaussian = 0, squares = 0;
        const int Draws = 50_000;
        for (var i = 0; i < Draws; i++)
        {
            var uniform = random.NextDouble(-1, 3);
            Assert.InRange(uniform, -1, 3);
            sum += uniform;
            var normal = random.NextGaussian();
            gaussian += normal;
            squares += normal * normal;
        }
        Assert.InRange(sum / Draws, 0.97, 1.03);
        Assert.InRange(gaussian / Draws, -0.02, 0.02);
        Assert.InRange(squares / Draws, 0.97, 1.03);
    }

    /// <summary>The width of a range may overflow, and a number may be rounded to the upper end.</summary>
    [Theory]
    [InlineData(double.MinValue, double.MaxValue), InlineData(-1e308, 1.7e308), InlineData(1, 1.0000000000000002)]
    [InlineData(-1.0000000000000002, -1), InlineData(0, double.Epsilon), InlineData(1e300, 1.0000000000000002e300)]
    [InlineData(9007199254740991, 9007199254740992), InlineData(-0.1, 0.2), InlineData(double.MaxValue / 2, double.MaxValue)]
    public void NextDouble_OfARange_StaysInside(double low, double high)
    {
        var random = new SeededRandom(5);
        var below = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var number = random.NextDouble(low, high);
            Assert.True(number >= low && number < high, $"{number} is outside");
            if (number < low / 2 + high / 2) below++;
        }
        if (high > Math.BitIncrement(low)) Assert.InRange(below, 4_800, 5_200);
    }

    [Fact]
    public void NextDouble_OfOneNumber_IsThatNumber_AndAReversedRangeIsRefused()
    {
        var random = new SeededRandom(5);
        Assert.Equal(3, random.NextDouble(3, 3));
        Assert.Throws<ArgumentOutOfRangeException>("high", () => random.NextDouble(1, 0.5));
        Assert.Throws<ArgumentOutOfRangeException>("low", () => random.NextDouble(double.NegativeInfinity, 0.5));
    }

    [Fact]
    public void Shuffle_GivesEveryOrderEquallyOften()
    {
        var random = new SeededRandom(4);
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < 24_000; i++)
        {
            var items = "abcd".ToCharArray();
            random.Shuffle(items.AsSpan());
            var order = new string(items);
            counts[order] = counts.GetValueOrDefault(order) + 1;
        }
        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, count => Assert.InRange(count, 850, 1_150));
    }

    [Fact]
    public void ForStream_IsAFunctionOfItsKeys()
    {
        var values = new HashSet<ulong>();
        for (var a = 0UL; a < 20; a++)
            for (var b = 0UL; b < 20; b++)
            {
                var value = SeededRandom.ForStream(7, a, b).NextUInt64();
                Assert.Equal(value, SeededRandom.ForStream(7, a, b).NextUInt64());
                Assert.True(values.Add(value), $"({a}, {b}) repeats another stream");
            }
        Assert.NotEqual(SeededRandom.ForStream(7, 1).NextUInt64(), SeededRandom.ForStream(8, 1).NextUInt64());
    }

    [Fact]
    public void ForStream_OfNearSeedsAndKeys_SharesNothing()
    {
        // If seed and key were added in one sum, (5, 3) and (6, 0) would be the same stream.
        var seen = new HashSet<ulong>();
        for (var seed = 0UL; seed < 64; seed++)
            for (var key = 0UL; key < 64; key++)
                Assert.True(seen.Add(SeededRandom.ForStream(seed, key).NextUInt64()), $"seed {seed}, key {key}");
    }
}
