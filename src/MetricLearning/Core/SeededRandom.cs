using System.Globalization;
using System.Numerics;

namespace MetricLearning;

/// <summary>
/// The library's own random numbers: xoshiro256** seeded by SplitMix64. The same seed gives the same numbers on every operating system,
/// processor and .NET version, which <see cref="Random"/> does not promise.
/// </summary>
/// <remarks>
/// Blackman and Vigna, <i>Scrambled linear pseudorandom number generators</i>, 2021. Do not use it for cryptography.
/// <para> Thread safety: one thread at a time. Give each item of work a generator of its own, made by <see cref="ForStream"/>, which any
/// number of threads may call at once. </para>
/// </remarks>
public sealed class SeededRandom
{
    private ulong s0, s1, s2, s3;

    /// <summary>Creates a generator at the start of the sequence of <paramref name="seed"/>.</summary>
    /// <param name="seed">Any number; near seeds give unrelated sequences.</param>
    public SeededRandom(ulong seed)
    {
        s0 = SplitMix(ref seed);
        s1 = SplitMix(ref seed);
        s2 = SplitMix(ref seed);
        s3 = SplitMix(ref seed);
    }

    /// <summary>Creates a generator in a given state, which must not be all zero.</summary>
    internal SeededRandom(ulong s0, ulong s1, ulong s2, ulong s3) => (this.s0, this.s1, this.s2, this.s3) = (s0, s1, s2, s3);

    /// <summary>Creates an independent generator for one item of work, for example (seed, epoch, index): the same keys give the same
    /// numbers, on any thread and in any order of calls.</summary>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="keys">Numbers that identify this item of work.</param>
    public static SeededRandom ForStream(ulong seed, params ReadOnlySpan<ulong> keys)
    {
        var state = SplitMix(ref seed);     // mixed first, so that near seeds have different streams
        foreach (var key in keys)
        {
            state ^= key + 0x9E3779B97F4A7C15UL;
            state = SplitMix(ref state);
        }
        return new SeededRandom(state);
    }

    /// <summary>The next 64 random bits.</summary>
    public ulong NextUInt64()
    {
        var result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        var t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>A whole number in <c>[0, bound)</c>, each equally likely (Lemire's method with rejection).</summary>
    /// <param name="bound">The end of the range, above 0. It is never returned.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is not positive.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var range = (uint)bound;
        var product = (NextUInt64() >> 32) * range;
        if ((uint)product < range)
        {
            var threshold = (uint)(-(int)range) % range;
            while ((uint)product < threshold) product = (NextUInt64() >> 32) * range;
        }
        return (int)(product >> 32);
    }

    /// <summary>A number in <c>[0, 1)</c> with 53 random bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number in <c>[low, high)</c>, each equally likely; <paramref name="low"/> if both are equal.</summary>
    /// <param name="low">The lower end, finite.</param>
    /// <param name="high">The upper end, finite, at least <paramref name="low"/>. It is returned only if both are equal.</param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is not finite, or <paramref name="high"/> is below
    /// <paramref name="low"/>.</exception>
    public double NextDouble(double low, double high)
    {
        Guard.Finite(low);
        Guard.Finite(high);
        ArgumentOutOfRangeException.ThrowIfLessThan(high, low);
        var share = NextDouble();
        // The width of a range may be too large for a number.
        var number = double.IsFinite(high - low) ? low + (high - low) * share : low * (1 - share) + high * share;
        // A number just below the upper end may be rounded to it.
        return number < high || low == high ? number : Math.BitDecrement(high);
    }

    /// <summary>A draw from the normal distribution with mean 0 and standard deviation 1 (Box and Muller).</summary>
    public double NextGaussian() => Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Shuffles the items in place; each order is equally likely (Fisher and Yates).</summary>
    /// <param name="items">The items.</param>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>Chooses different items at random, moves them to the beginning and returns them; every choice and order is equally
    /// likely.</summary>
    /// <param name="items">The items, which are reordered.</param>
    /// <param name="count">The number of items to choose, from 0 to the number of all items.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or greater than the number of
    /// items.</exception>
    public Span<T> Choose<T>(Span<T> items, int count)
    {
        if (count < 0 || count > items.Length)
            throw new ArgumentOutOfRangeException(nameof(count), count,
                string.Create(CultureInfo.InvariantCulture, $"count must be in [0, {items.Length}]."));
        for (var i = 0; i < count; i++)
        {
            var j = i + NextInt(items.Length - i);
            (items[i], items[j]) = (items[j], items[i]);
        }
        return items[..count];
    }

    /// <summary>The next output of SplitMix64, which fills the state from one number (Steele, Lea and Flood, OOPSLA 2014).</summary>
    internal static ulong SplitMix(ref ulong state)
    {
        var z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
