using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads the variables of a MATLAB file of version 5 one after another.</summary>
/// <param name="result">Receives the arrays; it is freed if the file is refused.</param>
/// <param name="limit">Bounds the memory of all arrays together.</param>
/// <param name="bigEndian">The byte order of the file.</param>
/// <param name="wanted">Which names to read.</param>
internal sealed class MatReader(NamedTensors result, GrowthLimit limit, bool bigEndian, Func<string, bool> wanted)
{
    private const long LargestRatio = 1032;         // deflate turns 2 bits into at most 258 bytes
    private const int TensorOverhead = 512;         // the approximate memory of an array in addition to its numbers
    private const int Int8 = 1, Int32 = 5, UInt32 = 6, Matrix = 14, Compressed = 15;
    private const int Logical = 1 << 9, Complex = 1 << 11;
    private const int OpaqueClass = 17;

    /// <summary>Reads all variables of a part.</summary>
    /// <exception cref="InvalidDataException">A wanted variable, or the data between the variables, is damaged.</exception>
    public NamedTensors Read(StreamPart variables)
    {
        try
        {
            foreach (var (type, contents) in Elements(variables))
                if (type == Matrix) AddVariable(contents);
                else if (type == Compressed) AddCompressed(contents);
            return result;
        }
        catch (EndOfStreamException)
        {
            result.Dispose();
            throw MatFile.Invalid($"it ends within numeric array {result.Count + 1}");
        }
        catch (IOException e)
        {
            result.Dispose();
            throw MatFile.Invalid($"numeric array {result.Count + 1}: {e.Message}");
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    public static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    /// <summary>The elements of a part, one after another: a type, a length, and that many bytes, padded to a multiple of eight.</summary>
    private IEnumerable<(int Type, StreamPart Contents)> Elements(StreamPart part)
    {
        var tag = new byte[8];
        while (part.Left > 0)
        {
            part.ReadExactly(tag);
            var type = Word(tag, bigEndian);
            if (type >> 16 is var small and > 0)        // a small element of up to four bytes is in the tag itself
            {
                if (small > 4) throw MatFile.Invalid($"an element declares {small} bytes in its tag");
                yield return ((int)(type & 0xffff), new StreamPart(new MemoryStream(tag[4..], writable: false), small));
                continue;
            }
            var length = Word(tag.AsSpan(4), bigEndian);
            if (length > part.Left) throw MatFile.Invalid($"an element declares {length} bytes, but {part.Left} are left");
            var contents = new StreamPart(part, length);
            yield return ((int)type, contents);
            contents.Skip(contents.Left);
            if (type != Compressed) part.Skip(Math.Min(part.Left, -length & 7));
        }
    }

    private void AddCompressed(StreamPart compressed)
    {
        var most = compressed.Left * LargestRatio;
        using var inflated = new Inflated(compressed);
        foreach (var (type, contents) in Elements(new StreamPart(inflated, most)))
        {
            if (type != Matrix) throw MatFile.Invalid($"a compressed element is of type {type}, not an array");
            if (!AddVariable(contents)) return;
            contents.Skip(contents.Left);
            break;
        }
        if (inflated.ReadByte() >= 0) throw MatFile.Invalid("a compressed array continues after its end");
    }

    /// <summary>Adds a variable: its flags, dimensions, name and real part are elements. An object has no dimensions.</summary>
    /// <returns>Whether the variable is wanted. If so, the rest of it must be complete.</returns>
    private bool AddVariable(StreamPart variable)
    {
        if (variable.Left == 0) return true;
        using var scope = NewDisposeScope();
        using var parts = Elements(variable).GetEnumerator();
        var flags = Word(Bytes(UInt32, 8), bigEndian);
        var sizes = (flags & 0xff) == OpaqueClass ? [] : Bytes(Int32, 4 * 64);
        var name = Encoding.UTF8.GetString(Bytes(Int8, 1024)).TrimEnd('\0');
        // The workspace of function handles has no name.
        if (name.Length == 0) return false;
        if (!wanted(name))
        {
            limit.Take(TensorOverhead + sizeof(char) * name.Length);
            result.LeaveOut(name, "not among the requested names");
            return false;
        }
        if (TypeOf(flags) is { } type) AddNumbers(name, type, sizes, parts);
        else LeaveOut(name, (flags & Complex) != 0 && (flags & 0xff) >= 6 ? "complex numbers" : KindOf(flags & 0xff));
        return true;

        byte[] Bytes(int type, int most)
        {
            if (!parts.MoveNext() || parts.Current.Type != type || parts.Current.Contents.Left > most
                || (type == UInt32 && parts.Current.Contents.Left != most))
                throw MatFile.Invalid("an array does not begin with its flags, dimensions and name");
            var bytes = new byte[parts.Current.Contents.Left];
            parts.Current.Contents.ReadExactly(bytes);
            return bytes;
        }
    }

    private void AddNumbers(string name, ScalarType type, byte[] sizes, IEnumerator<(int Type, StreamPart Contents)> parts)
    {
        var shape = Enumerable.Range(0, sizes.Length / 4).Select(i => (long)(int)Word(sizes.AsSpan(4 * i), bigEndian)).ToArray();
        if (shape.Length < 2 || RawTensor.Count(shape) is not { } count)
            throw MatFile.Invalid($"'{name}' has the shape {Show(shape)}, which is not valid for an array");
        if (!parts.MoveNext()) throw MatFile.Invalid($"'{name}' has no numbers");
        var (storage, contents) = parts.Current;
        if (Stored(storage) is not { } stored)
            throw MatFile.Invalid($"the numbers of '{name}' are stored as type {storage}, which is unknown");
        if ((Int128)count * stored.Size != contents.Left)
            throw MatFile.Invalid($"'{name}' has {contents.Left} bytes, but its shape {Show(shape)} needs {(Int128)count * stored.Size}");
        // Numbers are stored in fewer bytes if they fit: an array of doubles may be stored as int8.
        limit.Take(Int128.Max((Int128)count * RawTensor.ElementSize(type), stored.BytesOf(count)) + TensorOverhead);
        if (stored.TryRead(contents, shape, columnMajor: true) is not { } numbers)
            LeaveOut(name, "unsigned numbers of 64 bits, of which some are larger than int64 holds");
        else if (result.LeftOut.ContainsKey(name) || !result.TryAdd(name, numbers.to(type)))
            throw MatFile.Invalid($"'{name}' occurs twice");
    }

    private void LeaveOut(string name, string what)
    {
        limit.Take(TensorOverhead + sizeof(char) * name.Length);
        if (result.ContainsKey(name) || !result.LeaveOut(name, what)) throw MatFile.Invalid($"'{name}' occurs twice");
    }

    /// <summary>The tensor type for an array's class; null if its elements are not real numbers.</summary>
    private static ScalarType? TypeOf(uint flags) => (flags & Complex) != 0 ? null : (flags & 0xff) switch
    {
        >= 6 and <= 15 when (flags & Logical) != 0 => ScalarType.Bool,
        6 => ScalarType.Float64, 7 => ScalarType.Float32,
        8 => ScalarType.Int8, 9 => ScalarType.Byte, 10 => ScalarType.Int16, 11 or 12 => ScalarType.Int32,
        >= 13 and <= 15 => ScalarType.Int64,
        _ => null,
    };

    /// <summary>Describes a variable whose class has no numbers.</summary>
    private static string KindOf(uint kind) => kind switch
    {
        1 => "a cell array", 2 => "a structure", 3 => "an object", 4 => "text", 5 => "a sparse matrix; save its full form",
        16 => "a function handle", OpaqueClass => "an object, such as a string, a table or a date",
        _ => $"of class {kind}, which is unknown",
    };

    private StoredNumbers? Stored(int type) => type switch
    {
        1 => new('i', 1, bigEndian), 2 => new('u', 1, bigEndian), 3 => new('i', 2, bigEndian), 4 => new('u', 2, bigEndian),
        5 => new('i', 4, bigEndian), 6 => new('u', 4, bigEndian), 7 => new('f', 4, bigEndian), 9 => new('f', 8, bigEndian),
        12 => new('i', 8, bigEndian), 13 => new('u', 8, bigEndian),
        _ => null,
    };

    private static string Show(long[] shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Inflates compressed bytes. An error describes the damage in terms of the file.</summary>
    private sealed class Inflated(Stream compressed) : ReadOnlyStream
    {
        private readonly ZLibStream source = new(compressed, CompressionMode.Decompress, leaveOpen: true);

        public override int Read(Span<byte> buffer)
        {
            try
            {
                return source.Read(buffer);
            }
            catch (Exception e) when (e is InvalidDataException or IOException && e is not EndOfStreamException)
            {
                throw MatFile.Invalid("the compressed bytes of an array are damaged");
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) source.Dispose();
            base.Dispose(disposing);
        }
    }
}
