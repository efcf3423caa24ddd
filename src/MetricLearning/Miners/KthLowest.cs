using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetricLearning;

/// <summary>Finds the k-th lowest of many numbers without sorting them: by their first 16 bits, then by the next 16 bits of those that are
/// left, and so on.</summary>
internal static class KthLowest
{
    private const int Bits = 16;

    /// <summary>Finds the k-th lowest number, counted from 1. −0 counts as lower than 0.</summary>
    /// <param name="numbers">float32 or float64, none NaN. The method overwrites them.</param>
    /// <param name="k">In [1, number of numbers].</param>
    public static T Of<T>(Span<T> numbers, long k) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var counts = new int[1 << Bits];
        for (var shift = 8 * Unsafe.SizeOf<T>() - Bits; ; shift -= Bits)
        {
            Array.Clear(counts);
            foreach (var number in numbers) counts[Digit(number, shift)]++;
            var digit = 0;
            for (; k > counts[digit]; digit++) k -= counts[digit];
            if (shift == 0) return numbers[Place(numbers, digit, shift)];
            var left = 0;
            foreach (var number in numbers)
                if (Digit(number, shift) == digit) numbers[left++] = number;
            numbers = numbers[..left];
        }
    }

    private static int Place<T>(Span<T> numbers, int digit, int shift) where T : unmanaged
    {
        var place = 0;
        while (Digit(numbers[place], shift) != digit) place++;
        return place;
    }

    /// <summary>Takes 16 bits of a number, after a change of its bits that gives them the same order as the numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Digit<T>(T number, int shift) where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() == sizeof(float))
        {
            var word = Unsafe.BitCast<T, int>(number);
            return (int)((uint)(word ^ (word >> 31 | int.MinValue)) >> shift) & ushort.MaxValue;
        }
        var wide = Unsafe.BitCast<T, long>(number);
        return (int)((ulong)(wide ^ (wide >> 63 | long.MinValue)) >> shift) & ushort.MaxValue;
    }
}
