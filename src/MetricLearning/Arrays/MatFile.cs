namespace MetricLearning;

/// <summary>Reads the arrays of numbers in a MATLAB <c>.mat</c> file of version 5 (<c>save -v6</c> and <c>-v7</c>,
/// <c>scipy.io.savemat</c>).</summary>
/// <remarks>
/// <para>It reads arrays of real numbers and logical values of any number of dimensions, compressed or not, in either byte order. Unsigned
/// integers of 16 and 32 bits become int32 and int64. Text, cells, structures, objects (strings, tables, dates), function handles, sparse
/// and complex arrays and unsigned numbers beyond int64 are left out. <see cref="NamedTensors.LeftOut"/> says which and why, and so does
/// the error for a requested name. Before memory is allocated, sizes are checked against the file, and the memory that they need against a
/// limit. Files of version 4 and of version 7.3 (HDF5) are refused with an error that names the version.</para>
/// <para>Thread safety: any number of threads may read at once, each its own stream.</para>
/// </remarks>
public static class MatFile
{
    private const int HeaderLength = 128, FirstVersion4 = 20;

    /// <summary>The places at which HDF5 looks for its signature; MATLAB writes it at byte 512, behind a text header.</summary>
    private static readonly int[] signaturePlaces = [0, 512, 1024, 2048];

    private static ReadOnlySpan<byte> Hdf5Signature => [0x89, (byte)'H', (byte)'D', (byte)'F', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>Reads arrays of numbers from a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The largest memory of all arrays together in bytes; eight times the file's length if that is more. Default:
    /// 1 GiB.</param>
    /// <param name="names">The arrays to read; everything else in the file is ignored. Default: null, all.</param>
    /// <returns>Contiguous tensors by name, on the CPU, in the file's order, of at least two dimensions. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBytes"/> is less than 1.</exception>
    /// <exception cref="InvalidDataException">The file is of another format, damaged, or needs more memory than is allowed; the message
    /// names it and says where and why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, long maxBytes = GrowthLimit.DefaultBytes, IReadOnlyCollection<string>? names = null)
    {
        Guard.AtLeast(maxBytes, 1);
        return InputFile.Read(path, stream => Read(stream, maxBytes, names));
    }

    /// <summary>Reads arrays of numbers from a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="maxBytes">The largest memory of all arrays together in bytes; eight times the stream's length if that is more.
    /// Default: 1 GiB.</param>
    /// <param name="names">The arrays to read; everything else in the stream is ignored. Default: null, all.</param>
    /// <returns>Contiguous tensors by name, on the CPU, in the file's order, of at least two dimensions. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBytes"/> is less than 1.</exception>
    /// <exception cref="InvalidDataException">The bytes are of another format, damaged, or need more memory than is allowed; the message
    /// says where and why.</exception>
    public static NamedTensors Read(Stream stream, long maxBytes = GrowthLimit.DefaultBytes, IReadOnlyCollection<string>? names = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Guard.AtLeast(maxBytes, 1);
        var wanted = names?.ToHashSet(StringComparer.Ordinal);
        return Read(stream, maxBytes, name => wanted?.Contains(name) != false);
    }

    /// <summary>Reads the arrays whose names satisfy a predicate.</summary>
    internal static NamedTensors Read(Stream stream, long maxBytes, Func<string, bool> wanted)
    {
        stream.Position = 0;
        var bigEndian = ReadHeader(stream);
        return new MatReader(new NamedTensors(), new GrowthLimit(nameof(maxBytes), maxBytes, stream.Length), bigEndian, wanted)
            .Read(new StreamPart(stream, stream.Length - stream.Position));
    }

    internal static InvalidDataException Invalid(string what) => new($"Not a MATLAB file that can be read: {MessageText.Message(what)}.");

    /// <summary>Whether the file is big-endian.</summary>
    private static bool ReadHeader(Stream stream)
    {
        var start = new byte[signaturePlaces[^1] + Hdf5Signature.Length];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = Math.Min(HeaderLength, read);
        foreach (var place in signaturePlaces)
            if (place + Hdf5Signature.Length <= read && start.AsSpan(place).StartsWith(Hdf5Signature))
                throw Invalid($"it is {(place == 0 ? "an HDF5 file" : "of version 7.3, which is HDF5")}; save it with -v7, or by "
                    + "scipy.io.savemat");
        var header = start.AsSpan(0, Math.Min(HeaderLength, read));
        if (header.StartsWith("MATLAB 7.3"u8)) throw Invalid("it is of version 7.3, which is HDF5, and cut short");
        if (header is [.., 0, 1, (byte)'I', (byte)'M'] or [.., 1, 0, (byte)'M', (byte)'I'] && header.Length == HeaderLength)
            return header[^1] == 'I';
        if (IsVersion4(header)) throw Invalid("it is of version 4; save it with -v7, or by scipy.io.savemat without format='4'");
        throw Invalid("it does not begin with the header of a file of version 5");
    }

    /// <summary>Version 4 begins with a variable: its kind as the decimal digits M0PT, rows, columns, whether it is complex, and the length
    /// of its name.</summary>
    private static bool IsVersion4(ReadOnlySpan<byte> start)
    {
        if (start.Length < FirstVersion4) return false;
        foreach (var bigEndian in (bool[])[false, true])
        {
            var kind = MatReader.Word(start, bigEndian);
            if (kind < 5000 && kind / 100 % 10 == 0 && kind / 10 % 10 <= 5 && kind % 10 <= 2
                && (int)MatReader.Word(start[4..], bigEndian) >= 0 && (int)MatReader.Word(start[8..], bigEndian) >= 0
                && MatReader.Word(start[12..], bigEndian) <= 1 && MatReader.Word(start[16..], bigEndian) is >= 2 and <= 1024) return true;
        }
        return false;
    }
}
