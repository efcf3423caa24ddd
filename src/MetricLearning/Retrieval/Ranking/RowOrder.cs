using System.Buffers;
using System.Runtime.CompilerServices;

namespace MetricLearning;

/// <summary>Sorts rows by their keys.</summary>
internal static class RowOrder
{
    /// <summary>The number of rows from which on digits are sorted, not comparisons made.</summary>
    private const int Many = 1024;

    private const int DigitBits = 11, Digits = 1 << DigitBits, Passes = (64 + DigitBits - 1) / DigitBits;
    private const ulong Sign = 1UL << 63;

    /// <summary>Sorts keys and rows by key. Rows with equal keys are sorted by row. No key may be NaN.</summary>
    public static void Sort(Span<double> keys, Span<int> rows)
    {
        if (keys.Length < Many) keys.Sort(rows);
        else SortDigits(keys, rows);
        for (var i = 0; i < keys.Length;)       // neither sort sees that −0 equals 0, and the first is not stable
        {
            var end = i + 1;
            while (end < keys.Length && keys[end] == keys[i]) end++;
            if (end - i > 1) rows[i..end].Sort(keys[i..end]);
            i = end;
        }
    }

    /// <summary>Bytes of working memory of one sort.</summary>
    public static long Bytes(int count) => count < Many ? 0 : 20L * count + Passes * Digits * sizeof(int);

    /// <summary>A radix sort: one pass for each digit, the lowest first. A pass whose digit is the same in all keys is left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SortDigits(Span<double> keys, Span<int> rows)
    {
        var count = keys.Length;
        var numbers = ArrayPool<ulong>.Shared.Rent(2 * count);
        var places = ArrayPool<int>.Shared.Rent(count);
        var starts = ArrayPool<int>.Shared.Rent(Passes * Digits);
        Span<ulong> from = numbers.AsSpan(0, count), to = numbers.AsSpan(count, count);
        Span<int> fromRows = rows, toRows = places.AsSpan(0, count);
        Array.Clear(starts);
        for (var i = 0; i < count; i++)
        {
            var number = from[i] = Ascending(keys[i]);
            for (var pass = 0; pass < Passes; pass++) starts[pass * Digits + Digit(number, pass)]++;
        }
        var moved = false;
        for (var pass = 0; pass < Passes; pass++)
        {
            var next = starts.AsSpan(pass * Digits, Digits);
            if (next[Digit(from[0], pass)] == count) continue;
            var sum = 0;
            for (var digit = 0; digit < Digits; digit++)
            {
                var here = next[digit];
                next[digit] = sum;
                sum += here;
            }
            for (var i = 0; i < count; i++)
            {
                var number = from[i];
                var place = next[Digit(number, pass)]++;
                to[place] = number;
                toRows[place] = fromRows[i];
            }
            Swap(ref from, ref to);
            Swap(ref fromRows, ref toRows);
            moved = !moved;
        }
        if (moved) fromRows.CopyTo(rows);
        for (var i = 0; i < count; i++) keys[i] = Key(from[i]);
        ArrayPool<ulong>.Shared.Return(numbers);
        ArrayPool<int>.Shared.Return(places);
        ArrayPool<int>.Shared.Return(starts);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Digit(ulong number, int pass) => (int)(number >> (pass * DigitBits)) & (Digits - 1);

    /// <summary>A number whose order without sign is that of the keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Ascending(double key)
    {
        var bits = BitConverter.DoubleToUInt64Bits(key);
        return bits ^ ((ulong)((long)bits >> 63) | Sign);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Key(ulong number) => BitConverter.UInt64BitsToDouble(number ^ (((number >> 63) - 1) | Sign));

    private static void Swap<T>(ref Span<T> one, ref Span<T> other)
    {
        var kept = one;
        one = other;
        other = kept;
    }
}
