using System.Buffers.Binary;
using System.Text;

namespace MetricLearning;

/// <summary>
/// Reads what a shared library (64-bit little-endian ELF) requires of other libraries from its dynamic segment. Every offset is checked
/// against the file: bytes that are not such a library give <see cref="InvalidDataException"/>.
/// </summary>
internal sealed class ElfLibrary
{
    private const string CppRuntime = "libstdc++.so.6";

    // Every libstdc++ since GCC 4.4 has this function; its version 3.4.30 only adds that a waiting thread can be canceled.
    private const string WaitSymbol = "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE";
    private const string WaitVersion = "GLIBCXX_3.4.30", OlderWaitVersion = "GLIBCXX_3.4.11";

    private const int WeakFlag = 2;                         // the loader ignores a weak version need if the version is missing
    private const int MostVersions = 0x8000;                // a version index has 15 bits
    private const int HeaderSize = 64, SegmentSize = 56, DynamicSize = 16, NeedSize = 16, SymbolSize = 24, RelocationSize = 24;

    private readonly byte[] image;
    private readonly List<(ulong Address, ulong Offset, ulong Size)> segments = [];
    private readonly Dictionary<ulong, ulong> dynamic = [];
    private readonly List<string> needed = [];
    private readonly List<VersionNeed> versionNeeds = [];

    /// <summary>One version of another library that this library requires; symbols refer to it by <paramref name="Index"/>.</summary>
    internal readonly record struct VersionNeed(string Library, string Version, int Index, int FlagsOffset);

    private enum Tag : ulong
    {
        Needed = 1, ProcedureRelocationSize = 2, Strings = 5, Symbols = 6, Relocations = 7, RelocationSize = 8, StringsSize = 10,
        RelocationsWithoutAddend = 17, ProcedureRelocations = 23,
        SymbolVersions = 0x6ffffff0, VersionNeeds = 0x6ffffffe, VersionNeedCount = 0x6fffffff,
    }

    /// <summary>Reads what the library requires. It keeps the bytes without copying them, and never writes to them.</summary>
    public ElfLibrary(byte[] image)
    {
        this.image = image;
        if (image.Length < HeaderSize || !image.AsSpan(0, 6).SequenceEqual(
            (ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1]))
            throw new InvalidDataException("This is not a 64-bit little-endian ELF file.");
        ReadSegments();
        ReadVersionNeeds();
    }

    /// <summary>The libraries that this one needs to load.</summary>
    public IReadOnlyList<string> Needed => needed;

    /// <summary>The versions of those libraries that it requires.</summary>
    public IReadOnlyList<VersionNeed> VersionNeeds => versionNeeds;

    /// <summary>
    /// Makes a copy that requires less of the C++ runtime: version needs that the linker left but no relocation uses become weak.
    /// </summary>
    /// <param name="olderWait">Whether to use <c>std::condition_variable::wait</c> in its older version, for libstdc++ before GCC
    /// 12.</param>
    /// <returns>The copy, of the same length; null if there is nothing to weaken.</returns>
    public byte[]? Weakened(bool olderWait)
    {
        if (!dynamic.ContainsKey((ulong)Tag.SymbolVersions)) return null;
        var copy = image.ToArray();
        var used = UsedVersions(copy, olderWait);
        foreach (var need in versionNeeds)
            if (need.Library == CppRuntime && !used.Contains(need.Index))
                copy[need.FlagsOffset] |= WeakFlag;
        return copy.AsSpan().SequenceEqual(image) ? null : copy;
    }

    /// <summary>Finds the version indices that relocations use. If requested, those of the wait function are first changed to its older
    /// version.</summary>
    private HashSet<int> UsedVersions(byte[] copy, bool olderWait)
    {
        if (dynamic.ContainsKey((ulong)Tag.RelocationsWithoutAddend)) throw new InvalidDataException(
            "Relocations without addend are not supported.");
        var newer = olderWait ? IndexOf(WaitVersion) : null;
        var older = olderWait ? IndexOf(OlderWaitVersion) : null;
        var used = new HashSet<int>();
        foreach (var (table, size) in ((Tag, Tag)[])[(Tag.Relocations, Tag.RelocationSize),
            (Tag.ProcedureRelocations, Tag.ProcedureRelocationSize)])
        {
            if (!dynamic.TryGetValue((ulong)table, out var address)) continue;
            var count = Value(size) / RelocationSize;
            var start = Locate(address, count, RelocationSize);
            for (var i = 0; i < (int)count; i++)
            {
                var symbol = U32(start + i * RelocationSize + 12);  // the upper half of r_info
                if (symbol == 0) continue;
                var at = Locate(Value(Tag.SymbolVersions), symbol + 1ul, sizeof(ushort)) + (int)symbol * sizeof(ushort);
                var version = BinaryPrimitives.ReadUInt16LittleEndian(copy.AsSpan(at));
                if (version == newer && older is { } index && NameOf(symbol) == WaitSymbol)
                    BinaryPrimitives.WriteUInt16LittleEndian(copy.AsSpan(at), version = (ushort)index);
                used.Add(version & 0x7fff);
            }
        }
        return used;
    }

    private int? IndexOf(string version) =>
        versionNeeds.Where(n => n.Library == CppRuntime && n.Version == version).Select(n => (int?)n.Index).FirstOrDefault();

    private string NameOf(uint symbol) =>
        Text(U32(Locate(Value(Tag.Symbols), symbol + 1ul, SymbolSize) + (int)symbol * SymbolSize));

    private void ReadSegments()
    {
        var table = Range(U64(32), U16(56), SegmentSize);
        int? dynamicAt = null;
        for (var i = 0; i < U16(56); i++)
        {
            var at = table + i * SegmentSize;
            var (kind, offset, address, size) = (U32(at), U64(at + 8), U64(at + 16), U64(at + 32));
            if (kind == 1) segments.Add((address, offset, size));
            if (kind == 2) dynamicAt = Range(offset, size / DynamicSize, DynamicSize);
        }
        var names = new List<ulong>();
        for (var at = dynamicAt ?? throw new InvalidDataException("The library has no dynamic segment."); U64(at) is not 0
            and var tag; at += DynamicSize)
            if (tag == (ulong)Tag.Needed) names.Add(U64(at + 8));
            else dynamic[tag] = U64(at + 8);
        foreach (var name in names) needed.Add(Text(name));
    }

    private void ReadVersionNeeds()
    {
        if (!dynamic.TryGetValue((ulong)Tag.VersionNeeds, out var address)) return;
        var at = Locate(address, 1, NeedSize);
        for (var left = Value(Tag.VersionNeedCount); left > 0; left--)
        {
            var library = Text(U32(at + 4));
            var entry = Step(at, U32(at + 8));
            for (var count = U16(at + 2); count > 0; count--)
            {
                versionNeeds.Add(new(library, Text(U32(entry + 8)), U16(entry + 6) & 0x7fff, entry + 4));
                if (versionNeeds.Count > MostVersions) throw new InvalidDataException(
                    "The library has more version needs than possible.");
                if (U32(entry + 12) is not 0 and var next) entry = Step(entry, next);
                else break;
            }
            if (U32(at + 12) is not 0 and var following) at = Step(at, following);
            else break;
        }
    }

    /// <summary>The next record of a chain; it must begin after the end of this one.</summary>
    private int Step(int at, uint distance) =>
        distance >= NeedSize ? Range((ulong)at + distance, 1, NeedSize)
            : throw new InvalidDataException("A chain of version needs does not go forward.");

    private string Text(ulong offset)
    {
        var size = Value(Tag.StringsSize);
        if (offset >= size) throw new InvalidDataException("A name lies outside the library's strings.");
        var rest = image.AsSpan(Locate(Value(Tag.Strings), size, 1), (int)size)[(int)offset..];
        var end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(rest[..end]) : throw new InvalidDataException("A name has no end.");
    }

    private ulong Value(Tag tag) =>
        dynamic.TryGetValue((ulong)tag, out var value) ? value : throw new InvalidDataException($"The dynamic segment has no {tag}.");

    /// <summary>The offset in the file of a table at an address in memory.</summary>
    private int Locate(ulong address, ulong count, int size)
    {
        foreach (var segment in segments)
            if (address >= segment.Address && address - segment.Address < segment.Size)
                return Range(segment.Offset + (address - segment.Address), count, size);
        throw new InvalidDataException("An address is not in any segment of the file.");
    }

    /// <summary>The offset, checked: the whole table must be within the file.</summary>
    private int Range(ulong offset, ulong count, int size)
    {
        var length = (ulong)image.Length;
        if (offset > length || count > (length - offset) / (ulong)size) throw new InvalidDataException("A table lies outside the file.");
        return (int)offset;
    }

    private ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(Range((ulong)at, 1, 2)));

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(Range((ulong)at, 1, 4)));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(Range((ulong)at, 1, 8)));
}
