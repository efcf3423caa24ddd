using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>Collects the bytes of a stream, and refuses to hold more than a limit.</summary>
/// <param name="most">The limit.</param>
/// <param name="expected">The number of bytes that the stream is said to have; 0 if that is not known.</param>
internal sealed class BoundedBytes(int most, long expected)
{
    private const int UsualRoom = 1 << 16;

    private readonly int most = Math.Min(most, Array.MaxLength - 1);

    // One byte more than expected, so that the end of the stream is found without more memory.
    private byte[] bytes = new byte[Math.Min(Math.Max(expected + 1, UsualRoom), Math.Min(most, Array.MaxLength - 1) + 1)];
    private int count;

    /// <summary>All bytes so far.</summary>
    public ReadOnlySpan<byte> All => bytes.AsSpan(0, count);

    /// <summary>What is wrong with a file of more bytes than the limit.</summary>
    public static string TooMany(int most) => string.Create(CultureInfo.InvariantCulture,
        $"it has more than the {most:N0} bytes allowed; {nameof(Picture.MaxBytes)} sets how many");

    /// <summary>Room for the next bytes.</summary>
    /// <exception cref="InvalidDataException">There are more bytes than the limit allows.</exception>
    public Memory<byte> Room()
    {
        if (count > most) throw new InvalidDataException(TooMany(most));
        if (count == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(2L * count, most + 1L));
        return bytes.AsMemory(count);
    }

    /// <summary>Notes that the next bytes are in the room.</summary>
    public void Add(int read) => count += read;
}
