using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning.Search;

/// <summary>Begins to fetch numbers from memory, while other numbers are computed with.</summary>
internal static unsafe class Prefetch
{
    /// <summary>The bytes that a processor fetches at once.</summary>
    public const int CacheLine = 64;

    /// <summary>Begins to fetch bytes. Processors other than those of x86 ignore it.</summary>
    /// <param name="start">The address of the first byte.</param>
    /// <param name="count">The number of bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Bytes(void* start, int count)
    {
        if (!Sse.IsSupported) return;
        for (var i = 0; i < count; i += CacheLine) Sse.Prefetch0((byte*)start + i);
    }
}
