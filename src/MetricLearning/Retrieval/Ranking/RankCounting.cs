using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Counts how many scores of a row lie below each of a few thresholds, and finds the scores that are too near a threshold to
/// decide.</summary>
/// <remarks>A threshold is an interval [low, high]: a score below it certainly ranks before, a score above it certainly after, and a score
/// within it is open. The intervals of a row ascend in both ends.</remarks>
internal static class RankCounting
{
    /// <summary>For each of 256 masks, the permutation that moves its lanes to the front.</summary>
    private static readonly int[] together = [.. Enumerable.Range(0, 256).SelectMany(mask => Enumerable.Range(0, 8)
        .Where(lane => (mask >> lane & 1) == 1).Concat(Enumerable.Repeat(0, 8 - BitOperations.PopCount((uint)mask))))];

    /// <summary>Counts one row. SIMD skips the scores above the highest threshold, which are often most of them. The others are compared
    /// with one threshold after the other, from the highest down; those above a threshold are dropped.</summary>
    /// <param name="scores">The row.</param>
    /// <param name="low">The lower ends, at least one.</param>
    /// <param name="high">The upper ends, of the same number.</param>
    /// <param name="below">The number of scores below each lower end is added to it.</param>
    /// <param name="open">Memory for as many places as there are scores.</param>
    /// <returns>The number of scores within an interval; <paramref name="open"/> begins with their places, in no particular
    /// order.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Count<T>(ReadOnlySpan<T> scores, ReadOnlySpan<T> low, ReadOnlySpan<T> high, Span<int> below, Span<int> open)
        where T : unmanaged, INumber<T>
    {
        if (typeof(T) == typeof(float) && Avx2.IsSupported)
            return CountVectors(MemoryMarshal.Cast<T, float>(scores), MemoryMarshal.Cast<T, float>(low), MemoryMarshal.Cast<T, float>(high),
                below, open);
        var left = Scratch.Ints(scores.Length).AsSpan(0, scores.Length);       // places of the scores that are left
        var (count, found) = (0, 0);
        var vectors = MemoryMarshal.Cast<T, Vector256<T>>(scores);
        var highest = Vector256.Create(high[^1]);
        for (var i = 0; i < vectors.Length; i++)
            for (var bits = Vector256.LessThanOrEqual(vectors[i], highest).ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
                left[count++] = i * Vector256<T>.Count + BitOperations.TrailingZeroCount(bits);
        for (var i = vectors.Length * Vector256<T>.Count; i < scores.Length; i++) left[count++] = i;
        for (var p = low.Length - 1; p >= 0 && count > 0; p--)
        {
            var (lowest, top, kept) = (low[p], high[p], 0);
            for (var i = 0; i < count; i++)
            {
                var place = left[i];
                var score = scores[place];
                left[kept] = place;
                kept += score < lowest ? 1 : 0;
                open[found] = place;
                found += score >= lowest & score <= top ? 1 : 0;
            }
            below[p] += count = kept;
        }
        return found;
    }

    /// <summary>Does the same without a branch for each score: a table of permutations moves the remaining scores together, eight at a
    /// time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int CountVectors(ReadOnlySpan<float> scores, ReadOnlySpan<float> low, ReadOnlySpan<float> high, Span<int> below,
        Span<int> open)
    {
        var found = 0;
        fixed (float* row = scores, values = Scratch.Floats(scores.Length + 16))
        fixed (int* places = Scratch.Ints(scores.Length + 16), moves = together)
        {
            var count = MoveTogether(row, scores.Length, high[^1], values, places);
            for (var p = low.Length - 1; p >= 0 && count > 0; p--)
            {
                Vector256.Create(float.PositiveInfinity).Store(values + count);
                var (lowest, top, end) = (Vector256.Create(low[p]), Vector256.Create(high[p]), count);
                count = 0;
                for (var i = 0; i < end; i += 8)
                {
                    var (score, place) = (Vector256.Load(values + i), Vector256.Load(places + i));
                    var kept = Vector256.LessThan(score, lowest).ExtractMostSignificantBits();
                    var within = Vector256.LessThanOrEqual(score, top).ExtractMostSignificantBits() ^ kept;
                    for (; within != 0; within &= within - 1) open[found++] = place[BitOperations.TrailingZeroCount(within)];
                    var move = Vector256.Load(moves + 8 * kept);
                    Avx2.PermuteVar8x32(score, move).Store(values + count);
                    Avx2.PermuteVar8x32(place, move).Store(places + count);
                    count += BitOperations.PopCount(kept);
                }
                below[p] += count;
            }
        }
        return found;
    }

    /// <summary>Counts one row for many thresholds: each score finds its place among them by a binary search, so the cost per score is the
    /// logarithm of their number.</summary>
    /// <param name="scores">The row.</param>
    /// <param name="low">The lower ends, filled up with +∞ to a power of two above their number (<see cref="Filled"/>).</param>
    /// <param name="high">The upper ends, at least one.</param>
    /// <param name="bins">One bin for each number of lower ends, from 0. Each score adds 1 to the bin of the number of lower ends at or
    /// below it. The scores below lower end p are those of the bins 0..p.</param>
    /// <param name="open">Memory for as many places as there are scores.</param>
    /// <returns>The number of scores within an interval; <paramref name="open"/> begins with their places, in no particular
    /// order.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Search<T>(ReadOnlySpan<T> scores, ReadOnlySpan<T> low, ReadOnlySpan<T> high, Span<int> bins, Span<int> open)
        where T : unmanaged, INumber<T>
    {
        if (typeof(T) == typeof(float) && Avx2.IsSupported)
            return SearchVectors(MemoryMarshal.Cast<T, float>(scores), MemoryMarshal.Cast<T, float>(low),
                MemoryMarshal.Cast<T, float>(high), bins, open);
        if (typeof(T) == typeof(double) && Avx2.IsSupported)
            return SearchVectors(MemoryMarshal.Cast<T, double>(scores), MemoryMarshal.Cast<T, double>(low),
                MemoryMarshal.Cast<T, double>(high), bins, open);
        var found = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            var (score, passed) = (scores[i], 0);
            if (score > high[^1]) continue;
            for (var step = low.Length / 2; step > 0; step /= 2)
                if (low[passed + step - 1] <= score) passed += step;
            bins[passed]++;
            if (passed > 0 && high[passed - 1] >= score) open[found++] = i;
        }
        return found;
    }

    /// <summary>Lower ends, filled up with +∞ to a power of two above their number.</summary>
    public static T[] Filled<T>(T[] low) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var filled = new T[BitOperations.RoundUpToPowerOf2((uint)low.Length + 1)];
        low.CopyTo(filled, 0);
        Array.Fill(filled, T.PositiveInfinity, low.Length, filled.Length - low.Length);
        return filled;
    }

    /// <summary>The smallest float32 interval that holds a float64 one.</summary>
    public static (float Low, float High) Outward(double low, double high)
    {
        var (l, h) = ((float)low, (float)high);
        return (l > low ? MathF.BitDecrement(l) : l, h < high ? MathF.BitIncrement(h) : h);
    }

    /// <summary>Does the same as <see cref="Search{T}"/> for eight float32 scores at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int SearchVectors(ReadOnlySpan<float> scores, ReadOnlySpan<float> low, ReadOnlySpan<float> high, Span<int> bins,
        Span<int> open)
    {
        var found = 0;
        fixed (float* row = scores, lower = low, upper = high, values = Scratch.Floats(scores.Length + 16))
        fixed (int* places = Scratch.Ints(scores.Length + 16))
        {
            var count = MoveTogether(row, scores.Length, high[^1], values, places);
            Vector256.Create(float.PositiveInfinity).Store(values + count);
            for (var i = 0; i < count; i += 8)
            {
                var score = Vector256.Load(values + i);
                var passed = Vector256<int>.Zero;
                for (var step = low.Length / 2; step > 0; step /= 2)
                {
                    var next = passed + Vector256.Create(step);
                    var ends = Avx2.GatherVector256(lower, next - Vector256<int>.One, sizeof(float));
                    passed = Vector256.ConditionalSelect(Vector256.LessThanOrEqual(ends, score).AsInt32(), next, passed);
                }
                passed = Vector256.Min(passed, Vector256.Create(high.Length));      // an infinite score also passes the padding
                var some = Vector256.GreaterThan(passed, Vector256<int>.Zero);
                var last = Vector256.Max(passed - Vector256<int>.One, Vector256<int>.Zero);
                var within = (some.AsSingle() & Vector256.GreaterThanOrEqual(Avx2.GatherVector256(upper, last, sizeof(float)), score))
                    .ExtractMostSignificantBits();
                for (var lane = 0; lane < Math.Min(8, count - i); lane++)
                {
                    bins[passed.GetElement(lane)]++;
                    if ((within >> lane & 1) == 1) open[found++] = places[i + lane];
                }
            }
        }
        return found;
    }

    /// <summary>Does the same as <see cref="Search{T}"/> for float64 scores. Two vectors of four are searched together, so their memory
    /// accesses overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int SearchVectors(ReadOnlySpan<double> scores, ReadOnlySpan<double> low, ReadOnlySpan<double> high,
        Span<int> bins, Span<int> open)
    {
        const int together = 8;
        var found = 0;
        var places = stackalloc long[together];
        var last = stackalloc double[together];
        fixed (double* row = scores, lower = low)
            for (var i = 0; i < scores.Length; i += together)
            {
                var values = row + i;
                var count = Math.Min(together, scores.Length - i);
                if (count < together)
                {
                    new Span<double>(last, together).Fill(double.PositiveInfinity);
                    scores[i..].CopyTo(new Span<double>(last, together));
                    values = last;
                }
                var (one, two) = (Vector256.Load(values), Vector256.Load(values + 4));
                Vector256<long> passed = default, passedToo = default;
                for (var step = low.Length / 2; step > 0; step /= 2)
                {
                    var (next, nextToo) = (passed + Vector256.Create((long)step), passedToo + Vector256.Create((long)step));
                    var ends = Avx2.GatherVector256(lower - 1, next, sizeof(double));
                    var endsToo = Avx2.GatherVector256(lower - 1, nextToo, sizeof(double));
                    passed = Vector256.ConditionalSelect(Vector256.LessThanOrEqual(ends, one).AsInt64(), next, passed);
                    passedToo = Vector256.ConditionalSelect(Vector256.LessThanOrEqual(endsToo, two).AsInt64(), nextToo, passedToo);
                }
                passed.Store(places);
                passedToo.Store(places + 4);
                for (var lane = 0; lane < count; lane++)
                {
                    if (values[lane] > high[^1]) continue;
                    var place = (int)Math.Min(places[lane], high.Length);       // an infinite score also passes the padding
                    bins[place]++;
                    if (place > 0 && high[place - 1] >= values[lane]) open[found++] = i + lane;
                }
            }
        return found;
    }

    /// <summary>Moves the scores that are not above a bound to the front of a buffer, with their places. A few above it may stay.</summary>
    /// <returns>Their number. The buffers hold eight more.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int MoveTogether(float* row, int length, float bound, float* values, int* places)
    {
        var (highest, count, i) = (Vector256.Create(bound), 0, 0);
        fixed (int* moves = together)
            for (; i <= length - 8; i += 8)
            {
                var score = Vector256.Load(row + i);
                var kept = Vector256.LessThanOrEqual(score, highest).ExtractMostSignificantBits();
                if (kept == 0) continue;
                var move = Vector256.Load(moves + 8 * kept);
                Avx2.PermuteVar8x32(score, move).Store(values + count);
                (move + Vector256.Create(i)).Store(places + count);
                count += BitOperations.PopCount(kept);
            }
        for (; i < length; i++, count++) (values[count], places[count]) = (row[i], i);
        return count;
    }

    /// <summary>The same as <see cref="Count{T}"/> for many rows at once, in tensor operations on any device.</summary>
    /// <param name="scores">[B, T].</param>
    /// <param name="low">[B, R]: lower ends; a row with fewer than R is filled up with −∞ in front.</param>
    /// <param name="high">[B, R]: upper ends, filled up in the same way.</param>
    /// <returns>How many scores of the row lie below each lower end, int64 [B, R], and row and column of the open ones, int64 [n,
    /// 2].</returns>
    public static (Tensor Below, Tensor Open) Count(Tensor scores, Tensor low, Tensor high)
    {
        using var scope = NewDisposeScope();
        var (rows, thresholds) = (low.size(0), low.size(1));
        var passed = searchsorted(low, scores, right: true);                     // how many lower ends are at or below the score
        var left = searchsorted(high, scores, right: false);                     // how many upper ends are below it
        var open = left.lt(passed).nonzero();
        var bins = passed.Plus_(Iota(rows, scores.device).unsqueeze(1) * S(thresholds + 1));
        var histogram = bins.view(-1).bincount(null, minlength: rows * (thresholds + 1)).view(rows, thresholds + 1);
        var below = histogram.cumsum(1).narrow(1, 0, thresholds).contiguous();
        return (below.MoveToOuterDisposeScope(), open.MoveToOuterDisposeScope());
    }
}
