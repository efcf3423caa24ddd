using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace MetricLearning.Search;

/// <summary>Makes arrays that the garbage collector never moves. Pointers to such an array stay valid while something refers to
/// it.</summary>
internal static unsafe class PinnedMemory
{
    /// <summary>Makes an array of numbers with undefined contents.</summary>
    public static T[] Of<T>(long count) where T : unmanaged =>
        GC.AllocateUninitializedArray<T>(checked((int)count), pinned: true);

    /// <summary>The address of the first number of an array that <see cref="Of"/> made.</summary>
    public static T* Address<T>(T[] array) where T : unmanaged => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
}
