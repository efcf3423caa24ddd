namespace MetricLearning;

/// <summary>A stream that can only be read, from its start to its end.</summary>
internal abstract class ReadOnlyStream : Stream
{
    public sealed override bool CanRead => true;
    public sealed override bool CanSeek => false;
    public sealed override bool CanWrite => false;
    public sealed override long Length => throw new NotSupportedException();
    public sealed override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public abstract override int Read(Span<byte> buffer);
    public sealed override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public sealed override void Flush() => throw new NotSupportedException();
    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public sealed override void SetLength(long value) => throw new NotSupportedException();
    public sealed override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}

/// <summary>Computes the checksum of bytes while they are read.</summary>
internal sealed class ChecksumStream(Stream source) : ReadOnlyStream
{
    private uint remainder = uint.MaxValue;

    public uint Checksum => ~remainder;

    public override int Read(Span<byte> buffer)
    {
        var count = source.Read(buffer[..Math.Min(buffer.Length, 1 << 18)]);     // so that the checksum finds the bytes in the cache
        remainder = Crc32.Continue(remainder, buffer[..count]);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) source.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>Reads a given number of the next bytes of a stream. Disposing it leaves the stream open.</summary>
internal sealed class StreamPart(Stream source, long length) : ReadOnlyStream
{
    /// <summary>The number of bytes that are not read yet.</summary>
    public long Left { get; private set; } = length;

    public override int Read(Span<byte> buffer)
    {
        var count = source.Read(buffer[..(int)Math.Min(Left, buffer.Length)]);
        Left -= count;
        return count;
    }

    /// <summary>Skips bytes.</summary>
    /// <exception cref="EndOfStreamException">The stream ends before them.</exception>
    public void Skip(long count)
    {
        Span<byte> bytes = stackalloc byte[1024];
        for (; count > 0; count -= bytes.Length) this.ReadExactly(bytes[..(int)Math.Min(count, bytes.Length)]);
    }
}
