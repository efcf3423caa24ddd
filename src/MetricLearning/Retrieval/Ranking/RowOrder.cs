using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetricLearning;

/// <summary>Sorts rows by their keys.</summary>
internal static class RowOrder
{
    /// <summary>The number of rows from which a radix sort replaces the sort by comparisons.</summary>
    private const int Many = 1024;

    private const int DigitBits = 11, Digits = 1 << DigitBits, Passes = (64 + DigitBits - 1) / DigitBits;
    private const int UpperPass = Passes / 2;       // the upper digits are the sign, the exponent and the first 19 bits of the fraction
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
    public static long Bytes(int count) =>
        count < Many ? 0 : Rented(2L * count) * sizeof(ulong) + Rented(count) * sizeof(int) + Digits * sizeof(int);

    /// <summary>The length of the array that the pool hands out for a length: the next power of two.</summary>
    private static long Rented(long count) => (long)BitOperations.RoundUpToPowerOf2((ulong)count);

    /// <summary>A radix sort by the upper digits. They put most keys in order, and insertion does the rest. If so many keys agree in them
    /// that insertion would take long, all digits are sorted, the lowest first.</summary>
    private static void SortDigits(Span<double> keys, Span<int> rows)
    {
        var count = keys.Length;
        var numbers = ArrayPool<ulong>.Shared.Rent(2 * count);
        var places = ArrayPool<int>.Shared.Rent(count);
        var starts = ArrayPool<int>.Shared.Rent(Digits);
        Span<ulong> from = numbers.AsSpan(0, count), to = numbers.AsSpan(count, count);
        Span<int> fromRows = rows, toRows = places.AsSpan(0, count);
        for (var i = 0; i < count; i++) from[i] = Ascending(keys[i]);
        var moved = false;
        for (var pass = UpperPass; pass < Passes; pass++) moved ^= Pass(pass, ref from, ref to, ref fromRows, ref toRows, starts);
        if (!Insert(from, fromRows))
            for (var pass = 0; pass < Passes; pass++) moved ^= Pass(pass, ref from, ref to, ref fromRows, ref toRows, starts);
        if (moved) fromRows.CopyTo(rows);
        for (var i = 0; i < count; i++) keys[i] = Key(from[i]);
        ArrayPool<ulong>.Shared.Return(numbers);
        ArrayPool<int>.Shared.Return(places);
        ArrayPool<int>.Shared.Return(starts);
    }

    /// <summary>Sorts by one digit, and keeps the order of equal digits. Then exchanges the two buffers.</summary>
    /// <returns>Whether anything was moved; nothing is if all numbers have the same digit.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Pass(int pass, ref Span<ulong> from, ref Span<ulong> to, ref Span<int> fromRows, ref Span<int> toRows, int[] starts)
    {
        Array.Clear(starts);
        foreach (var number in from) starts[Digit(number, pass)]++;
        if (starts[Digit(from[0], pass)] == from.Length) return false;
        var sum = 0;
        for (var digit = 0; digit < Digits; digit++)
        {
            var here = starts[digit];
            starts[digit] = sum;
            sum += here;
        }
        for (var i = 0; i < from.Length; i++)
        {
            var number = from[i];
            var place = starts[Digit(number, pass)]++;
            to[place] = number;
            toRows[place] = fromRows[i];
        }
        Swap(ref from, ref to);
        Swap(ref fromRows, ref toRows);
        return true;
    }

    /// <summary>Sorts numbers that are nearly in order.</summary>
    /// <returns>False if it gave up, because more moves were needed than there are numbers.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Insert(Span<ulong> numbers, Span<int> rows)
    {
        var moves = 0;
        for (var i = 1; i < numbers.Length; i++)
        {
            var (number, row, place) = (numbers[i], rows[i], i);
            for (; place > 0 && numbers[place - 1] > number; place--)
            {
                numbers[place] = numbers[place - 1];
                rows[place] = rows[place - 1];
            }
            (numbers[place], rows[place]) = (number, row);
            moves += i - place;
            if (moves > numbers.Length) return false;
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Digit(ulong number, int pass) => (int)(number >> (pass * DigitBits)) & (Digits - 1);

    /// <summary>An unsigned number whose order is that of the keys.</summary>
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
