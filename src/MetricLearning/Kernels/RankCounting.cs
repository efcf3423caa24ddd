using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Counts how many scores of a row lie below each of a few thresholds, and finds those that lie too near a threshold to
/// tell.</summary>
/// <remarks>A threshold is an interval [low, high]: a score below it certainly ranks before, one above it certainly after, one within is
/// open.
/// Intervals of a row ascend in both ends.</remarks>
internal static class RankCounting
{
    /// <summary>One row, in SIMD.</summary>
    /// <param name="scores">The row.</param>
    /// <param name="low">The lower ends.</param>
    /// <param name="high">The upper ends, as many.</param>
    /// <param name="below">To each, the number of scores below its lower end is added.</param>
    /// <param name="open">A bit a score, set where the score lies within any interval; clear on entry.</param>
    public static void Count<T>(ReadOnlySpan<T> scores, ReadOnlySpan<T> low, ReadOnlySpan<T> high, Span<int> below, Span<ulong> open)
        where T : unmanaged, INumber<T>
    {
        var vectors = MemoryMarshal.Cast<T, Vector512<T>>(scores);
        var lanes = Vector512<T>.Count;
        for (var p = 0; p < low.Length; p++)
        {
            var (lowest, highest) = (Vector512.Create(low[p]), Vector512.Create(high[p]));
            var count = 0;
            for (var i = 0; i < vectors.Length; i++)
            {
                var before = Vector512.LessThan(vectors[i], lowest).ExtractMostSignificantBits();
                var notAfter = Vector512.LessThanOrEqual(vectors[i], highest).ExtractMostSignificantBits();
                count += BitOperations.PopCount(before);
                if (before != notAfter) open[i * lanes >> 6] |= (before ^ notAfter) << (i * lanes & 63);
            }
            for (var i = vectors.Length * lanes; i < scores.Length; i++)
            {
                if (scores[i] < low[p]) count++;
                else if (scores[i] <= high[p]) open[i >> 6] |= 1UL << (i & 63);
            }
            below[p] += count;
        }
    }

    /// <summary>The same for many rows at once, in tensor operations on any device.</summary>
    /// <param name="scores">[B, T].</param>
    /// <param name="low">[B, R]: lower ends; a row with fewer than R is filled up with −∞ in front.</param>
    /// <param name="high">[B, R]: upper ends, filled up alike.</param>
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
