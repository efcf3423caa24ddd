using System.IO.Compression;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads and writes NumPy's <c>.npz</c> archives: named arrays, each a <c>.npy</c> file in a zip archive, compressed
/// or not.</summary>
/// <remarks>
/// <para>An array is read when it is requested, with the checks of <see cref="NumPyFile"/>. Its checksum is compared. An array is refused
/// if it claims to be longer than its compressed bytes can hold, or if it needs more memory than <see cref="MaxBytes"/> allows.</para>
/// <para>Thread safety: one thread at a time may use an archive. Any number of threads may write at once, each its own file.</para>
/// </remarks>
public sealed class NumPyArchive : IDisposable
{
    private const string Extension = ".npy";
    private const long LargestRatio = 1032;         // deflate turns 2 bits into at most 258 bytes

    private static readonly DateTimeOffset earliest = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Stream stream;
    private readonly ZipArchive zip;
    private readonly Dictionary<string, ZipArchiveEntry> entries = new(StringComparer.Ordinal);
    private readonly string place;
    private bool isDisposed;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="InvalidDataException">The file is not a zip archive, or a name occurs twice; the message names the
    /// file.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public NumPyArchive(string path) : this(InputFile.Open(path), $"{path}: ")
    {
    }

    /// <summary>Opens a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; the archive closes it.</param>
    /// <exception cref="ArgumentNullException">The stream is null.</exception>
    /// <exception cref="InvalidDataException">The bytes are not a zip archive, or a name occurs twice.</exception>
    public NumPyArchive(Stream stream) : this(stream, place: "")
    {
    }

    private NumPyArchive(Stream stream, string place)
    {
        ArgumentNullException.ThrowIfNull(stream);
        this.stream = stream;
        this.place = place;
        try
        {
            if (stream.Length == 0) throw new InvalidDataException("it is empty.");
            zip = ZipDirectory.Open(stream, leaveOpen: false);
            foreach (var entry in zip.Entries)
                if (entry.FullName.EndsWith(Extension, StringComparison.Ordinal)
                    && !entries.TryAdd(entry.FullName[..^Extension.Length], entry))
                    throw new InvalidDataException($"'{entry.FullName}' occurs twice.");
        }
        catch (Exception e)
        {
            stream.Dispose();
            if (e is InvalidDataException or ArgumentException or NotSupportedException or OverflowException or EndOfStreamException)
                throw new InvalidDataException($"{place}Not a NumPy archive that can be read: {MessageText.Message(e.Message)}", e);
            if (e is IOException) throw new IOException(place + e.Message, e);
            throw;
        }
    }

    /// <summary>The largest memory of an array in bytes; eight times the file's length if that is more. Default: 1 GiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public long MaxBytes { get; init => field = Guard.AtLeast(value, 1); } = GrowthLimit.DefaultBytes;

    /// <summary>The names of the arrays, in the file's order.</summary>
    public IReadOnlyCollection<string> Names => entries.Keys;

    /// <summary>Reads an array of numbers.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>A new contiguous tensor on the CPU, in the current dispose scope if there is one.</returns>
    /// <exception cref="KeyNotFoundException">There is no such array; the message lists names like it.</exception>
    /// <exception cref="InvalidDataException">The array is text, or damaged; the message says why.</exception>
    public Tensor Read(string name) => Open(name, NumPyFile.Numbers, damaged => damaged.Dispose());

    /// <summary>Reads an array of text in one dimension, or in one row or column, such as file names.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="KeyNotFoundException">There is no such array; the message lists names like it.</exception>
    /// <exception cref="InvalidDataException">The array holds numbers, or is damaged; the message says why.</exception>
    public string[] ReadText(string name) => Open(name, NumPyFile.Text, _ => { });

    /// <summary>Writes named tensors, atomically, as <c>numpy.savez</c> lays them out, uncompressed. The same arrays give the
    /// same bytes.</summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="arrays">Names and tensors of any shape, device and strides.</param>
    /// <param name="texts">Names and arrays of text, such as the files that features come from; null for none.</param>
    /// <exception cref="ArgumentException">A name occurs twice, or a tensor is sparse, has a type that cannot be written, such as bfloat16
    /// or a complex type, or has more than 64 dimensions; or a text has half of a surrogate pair or ends with the character 0.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> arrays,
        IEnumerable<KeyValuePair<string, IReadOnlyList<string>>>? texts = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(arrays);
        var lists = (texts ?? []).ToList();
        List<(string Name, Action<Stream> Write)> parts =
        [
            .. arrays.Select(array =>
            {
                var header = NumPyFile.HeaderOf(array.Value);
                return (array.Key, (Action<Stream>)(stream => NumPyFile.Write(stream, header, array.Value)));
            }),
            .. lists.Select(text => (text.Key, (Action<Stream>)(stream => NumPyFile.Write(stream, text.Value)))),
        ];
        if (parts.GroupBy(part => part.Name).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
            throw new ArgumentException($"arrays must have different names, got '{twice.Key}' twice.", nameof(arrays));
        foreach (var (name, list) in lists)
            foreach (var text in list)
                if (NumPyFile.FlawOf(text) is { } flaw) throw new ArgumentException(
                    $"texts must be readable again, but '{MessageText.Excerpt(UnicodeText.Shown(text))}' of '{name}' {flaw}.",
                    nameof(texts));
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach (var (name, write) in parts)
            {
                var entry = zip.CreateEntry(name + Extension, CompressionLevel.NoCompression);
                entry.LastWriteTime = earliest;
                using var contents = entry.Open();
                write(contents);
            }
        });
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        isDisposed = true;
        zip.Dispose();
    }

    /// <summary>The header of an array.</summary>
    internal NumPyHeader HeaderOf(string name) => InEntry(name, entry =>
    {
        using var contents = entry.Open();
        return NumPyHeader.Read(contents, entry.Length);
    });

    private T Open<T>(string name, Func<Stream, long, GrowthLimit, T> read, Action<T> discard) => InEntry(name, entry =>
    {
        using var contents = new ChecksumStream(entry.Open());
        var result = read(contents, entry.Length, new(nameof(MaxBytes), MaxBytes, stream.Length));
        if (contents.Checksum == entry.Crc32) return result;
        discard(result);
        throw NumPyHeader.Invalid("it is damaged: its checksum differs from that in the archive");
    });

    private T InEntry<T>(string name, Func<ZipArchiveEntry, T> read)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        ArgumentNullException.ThrowIfNull(name);
        if (!entries.TryGetValue(name, out var entry))
            throw new KeyNotFoundException($"{place}There is no array '{name}'. {NearNames.Describe(name, [.. entries.Keys])}");
        try
        {
            if (entry.CompressedLength > stream.Length || entry.Length / LargestRatio > entry.CompressedLength)
                throw NumPyHeader.Invalid($"it declares {entry.Length} bytes "
                    + $"from {entry.CompressedLength} of a file of {stream.Length}");
            return read(entry);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ArgumentException or NotSupportedException
            or OverflowException)
        {
            throw new InvalidDataException($"{place}{MessageText.Excerpt(name)}: {MessageText.Message(e.Message)}", e);
        }
    }
}
