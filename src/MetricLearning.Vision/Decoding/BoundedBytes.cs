using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>The bytes of a stream, up to a limit.</summary>
internal sealed class BoundedBytes
{
    private const int UsualRoom = 1 << 16;

    private readonly int most;
    private byte[] bytes;
    private int count;

    private BoundedBytes(Stream stream, int most)
    {
        this.most = Math.Min(most, Array.MaxLength - 1);
        // The buffer has one byte more than expected. So the end of the stream is found without growing the buffer.
        var expected = stream.CanSeek ? stream.Length - stream.Position + 1 : 0;
        bytes = new byte[Math.Min(Math.Max(expected, UsualRoom), this.most + 1L)];
    }

    /// <summary>Reads the rest of a stream, or one byte more than the limit.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="most">The limit.</param>
    public static BoundedBytes Read(Stream stream, int most)
    {
        var bytes = new BoundedBytes(stream, most);
        for (int read; bytes.IsWhole && (read = stream.Read(bytes.Room().Span)) > 0;) bytes.count += read;
        return bytes;
    }

    /// <summary>Reads the rest of a stream, or one byte more than the limit, without blocking a thread.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="most">The limit.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async Task<BoundedBytes> ReadAsync(Stream stream, int most, CancellationToken cancellationToken)
    {
        var bytes = new BoundedBytes(stream, most);
        for (int read; bytes.IsWhole && (read = await stream.ReadAsync(bytes.Room(), cancellationToken).ConfigureAwait(false)) > 0;)
            bytes.count += read;
        return bytes;
    }

    /// <summary>Whether these are all bytes of the stream, and not more than the limit.</summary>
    public bool IsWhole => count <= most;

    /// <summary>All bytes read so far.</summary>
    public ReadOnlySpan<byte> All => bytes.AsSpan(0, count);

    /// <summary>The fault of a file with more bytes than the limit.</summary>
    public static ImageFault TooMany(int most) => new(string.Create(CultureInfo.InvariantCulture,
        $"it has more than the {most:N0} bytes allowed"), nameof(Picture.MaxBytes));

    /// <summary>Room for the next bytes.</summary>
    private Memory<byte> Room()
    {
        if (count == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(2L * count, most + 1L));
        return bytes.AsMemory(count);
    }
}
