using System.IO.MemoryMappedFiles;

namespace MetricLearning.Search;

/// <summary>The blocks of a packed file, mapped into memory. Each is compared with its checksum before it is first read.</summary>
/// <remarks>
/// <para>Blocks that the database knows never change. New blocks are written after them, and a file that must be rebuilt gets another
/// name. So mapped blocks stay valid, whatever other processes do.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
internal sealed unsafe class PackedFile
{
    private readonly RowShape shape;
    private readonly PackedEntry entry;
    private readonly MemoryMappedFile mapped;
    private readonly MemoryMappedViewAccessor view;
    private readonly SieveChunk[] chunks;
    private readonly bool[] verified;

    private PackedFile(RowShape shape, PackedEntry entry, MemoryMappedFile mapped, MemoryMappedViewAccessor view)
    {
        (this.shape, this.entry, this.mapped, this.view) = (shape, entry, mapped, view);
        Center = new Center(entry.Center, entry.Rows);
        verified = new bool[entry.Blocks.Count];
        chunks = [.. Enumerable.Range(0, entry.Blocks.Count).Select(block => new SieveChunk(shape, Address(block), this))];
    }

    /// <summary>The center of the rows.</summary>
    public Center Center { get; }

    /// <summary>The number of rows, including those that were removed.</summary>
    public int Rows => entry.Blocks.Count * shape.ChunkRows;

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="entry">Its entry in the database, with at least one block.</param>
    /// <param name="before">The file that was mapped before; null for none.</param>
    /// <returns>The file; null if it does not exist or does not match the database.</returns>
    public static PackedFile? Open(string path, RowShape shape, PackedEntry entry, PackedFile? before)
    {
        try
        {
            // A damaged database may hold any values.
            if (entry.Center.Length != shape.Padded) return null;
            var bytes = (long)entry.Blocks.Count * PackedBlock.Bytes(shape);
            if (Map(path, bytes) is not var (mapped, view)) return null;
            var opened = new PackedFile(shape, entry, mapped, view);
            if (before is not null && before.entry.File == entry.File)
                for (var block = 0; block < before.verified.Length && block < opened.verified.Length; block++)
                    opened.verified[block] = before.verified[block] && before.entry.Blocks[block] == entry.Blocks[block];
            return opened;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Maps the first bytes of a file; null if it has fewer.</summary>
    private static (MemoryMappedFile Mapped, MemoryMappedViewAccessor View)? Map(string path, long bytes)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        IDisposable opened = stream;
        try
        {
            if (stream.Length >= bytes)
            {
                var mapped = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None,
                    leaveOpen: false);
                opened = mapped;        // it disposes the stream
                return (mapped, mapped.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read));
            }
        }
        catch
        {
            opened.Dispose();
            throw;
        }
        stream.Dispose();
        return null;
    }

    /// <summary>Gets a chunk by its number.</summary>
    /// <exception cref="DamagedFileException">The chunk differs from what was written.</exception>
    public SieveChunk Chunk(int number)
    {
        if (!Volatile.Read(ref verified[number]))
        {
            if (Crc32.Of(new ReadOnlySpan<byte>(Address(number), PackedBlock.Bytes(shape))) != entry.Blocks[number].Checksum)
                throw new DamagedFileException(entry.File);
            Volatile.Write(ref verified[number], true);
        }
        return chunks[number];
    }

    /// <summary>The id of a row whose chunk has been read.</summary>
    public long Id(int row) => Ids(row >> shape.ChunkShift)[row & (shape.ChunkRows - 1)];

    /// <summary>Finds the row of an id; −1 if the file does not have it.</summary>
    /// <exception cref="DamagedFileException">The file differs from what was written.</exception>
    public int Find(long id)
    {
        var (low, high) = (0, entry.Blocks.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (entry.Blocks[middle].Last < id) low = middle + 1;
            else high = middle;
        }
        if (low == entry.Blocks.Count) return -1;
        Chunk(low);
        var place = Ids(low).BinarySearch(id);
        return place < 0 ? -1 : (low << shape.ChunkShift) + place;
    }

    private ReadOnlySpan<long> Ids(int block) => new(Address(block) + SieveChunk.Bytes(shape), shape.ChunkRows);

    private byte* Address(int block) => (byte*)view.SafeMemoryMappedViewHandle.DangerousGetHandle() + view.PointerOffset
        + (long)block * PackedBlock.Bytes(shape);
}
