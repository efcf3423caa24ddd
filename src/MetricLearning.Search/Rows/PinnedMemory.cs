using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MetricLearning.Search;

/// <summary>Arrays that the garbage collector never moves, so that pointers to them stay valid while something refers to them.</summary>
internal static unsafe class PinnedMemory
{
    /// <summary>An array of numbers whose first contents are arbitrary.</summary>
    public static T[] Of<T>(long count) where T : unmanaged =>
        GC.AllocateUninitializedArray<T>(checked((int)count), pinned: true);

    /// <summary>The address of the first number of an array that <see cref="Of"/> made.</summary>
    public static T* Address<T>(T[] array) where T : unmanaged => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
}
