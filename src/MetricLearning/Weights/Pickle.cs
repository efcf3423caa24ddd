using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace MetricLearning;

/// <summary>Reads one pickled object as plain data. It knows no types and calls nothing: a call in the pickle goes to
/// <see cref="Reduce"/>.</summary>
/// <remarks>
/// Values are null, bool, long, <see cref="BigInteger"/>, double, string, byte[], <see cref="Dictionary"/>, <see cref="List{T}"/> of
/// values, <see cref="Tuple"/>, <see cref="Global"/>, or results of <see cref="Reduce"/> and <see cref="PersistentLoad"/>. The memory used
/// is in proportion to the bytes read.
/// </remarks>
internal sealed class Pickle
{
    /// <summary>A name in a module of Python. Nothing is ever looked up or called by it.</summary>
    public sealed record Global(string Module, string Name)
    {
        public override string ToString() => $"{Module}.{Name}";
    }

    /// <summary>Python's tuple.</summary>
    public sealed record Tuple(object?[] Items);

    /// <summary>Python's dict or OrderedDict, in order; the last of equal keys counts.</summary>
    public sealed class Dictionary
    {
        private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
        private readonly List<KeyValuePair<object?, object?>> items = [];

        public IReadOnlyList<KeyValuePair<object?, object?>> Items => items;

        public object? this[string key] => places.TryGetValue(key, out var place) ? items[place].Value : null;

        public void Set(object? key, object? value)
        {
            var pair = KeyValuePair.Create(key, value);
            if (key is not string name) items.Add(pair);
            else if (places.TryGetValue(name, out var place)) items[place] = pair;
            else
            {
                places.Add(name, items.Count);
                items.Add(pair);
            }
        }
    }

    private const int LongestInteger = 255;

    private static readonly object mark = new();

    private readonly Stream stream;
    private readonly List<object?> stack = [];
    private readonly Dictionary<uint, object?> memo = [];

    public Pickle(Stream stream) => this.stream = stream;

    /// <summary>Gives the value of a call of a name with arguments; throws for a name that is not wanted.</summary>
    public required Func<Global, Tuple, object?> Reduce { get; init; }

    /// <summary>Gives the value that a persistent id stands for.</summary>
    public required Func<object?, object?> PersistentLoad { get; init; }

    /// <summary>Whether a name may occur in the pickle.</summary>
    public required Func<Global, bool> Allowed { get; init; }

    /// <summary>Reads up to and including the pickle's end.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a pickle, or a pickle with something that is not allowed.</exception>
    public object? Load()
    {
        const byte stop = (byte)'.';
        for (var code = Byte(); code != stop; code = Byte())
            if (!Frames(code) && !PushesConstant(code) && !PushesNumber(code) && !PushesText(code) && !Collects(code) && !Adds(code)
                && !Remembers(code) && !Calls(code))
                throw Invalid($"with the instruction 0x{code:x2}, which no file of weights needs");
        return Pop();
    }

    // Each of these carries out an instruction of its kind, and says whether it was one.

    private bool Frames(byte code)
    {
        switch (code)
        {
            case 0x80: // PROTO
                if (Byte() is var protocol and (< 2 or > 5)) throw Invalid($"of protocol {protocol}; 2 to 5 are read");
                return true;
            case 0x95: Skip(8); return true; // FRAME
            case (byte)'(': stack.Add(mark); return true;
            case (byte)'0': Pop(); return true;
            case (byte)'1': PopToMark(); return true;
            case (byte)'2': stack.Add(Peek()); return true;
            default: return false;
        }
    }

    private bool PushesConstant(byte code)
    {
        switch (code)
        {
            case (byte)'N': stack.Add(null); return true;
            case 0x88: stack.Add(true); return true;
            case 0x89: stack.Add(false); return true;
            case (byte)'}': stack.Add(new Dictionary()); return true;
            case (byte)']': stack.Add(new List<object?>()); return true;
            case (byte)')': stack.Add(new Tuple([])); return true;
            default: return false;
        }
    }

    private bool PushesNumber(byte code)
    {
        switch (code)
        {
            case (byte)'K': stack.Add((long)Byte()); return true;
            case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2))); return true;
            case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); return true;
            case 0x8a: PushInteger(Byte()); return true;
            case 0x8b: PushInteger(BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); return true;
            case (byte)'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Bytes(8))); return true;
            default: return false;
        }
    }

    private bool PushesText(byte code)
    {
        switch (code)
        {
            case (byte)'X': stack.Add(Text(UInt32())); return true;
            case 0x8c: stack.Add(Text(Byte())); return true;
            case 0x8d: stack.Add(Text(Length64())); return true;
            case (byte)'U': stack.Add(Latin(Byte())); return true; // SHORT_BINSTRING, from Python 2
            case (byte)'T': stack.Add(Latin(UInt32())); return true;
            case (byte)'C': stack.Add(Bytes(Byte()).ToArray()); return true;
            case (byte)'B': stack.Add(Bytes(UInt32()).ToArray()); return true;
            case 0x8e: stack.Add(Bytes(Length64()).ToArray()); return true;
            default: return false;
        }
    }

    /// <summary>Makes a tuple, a list or a dictionary of values on the stack.</summary>
    private bool Collects(byte code)
    {
        switch (code)
        {
            case 0x85: TupleOf(1); return true;
            case 0x86: TupleOf(2); return true;
            case 0x87: TupleOf(3); return true;
            case (byte)'t': stack.Add(new Tuple([.. PopToMark()])); return true;
            case (byte)'l': stack.Add(PopToMark()); return true;
            case (byte)'d':
                var made = new Dictionary();
                SetAll(made, PopToMark());
                stack.Add(made);
                return true;
            default: return false;
        }
    }

    /// <summary>Adds values to the list or dictionary below them on the stack.</summary>
    private bool Adds(byte code)
    {
        switch (code)
        {
            case (byte)'a':
                var element = Pop();
                Top<List<object?>>().Add(element);
                return true;
            case (byte)'e':
                var elements = PopToMark();
                Top<List<object?>>().AddRange(elements);
                return true;
            case (byte)'s':
                var value = Pop();
                var key = Pop();
                Top<Dictionary>().Set(key, value);
                return true;
            case (byte)'u':
                var pairs = PopToMark();
                SetAll(Top<Dictionary>(), pairs);
                return true;
            default: return false;
        }
    }

    private bool Remembers(byte code)
    {
        switch (code)
        {
            case (byte)'q': memo[Byte()] = Peek(); return true;
            case (byte)'r': memo[UInt32()] = Peek(); return true;
            case 0x94: memo[(uint)memo.Count] = Peek(); return true;
            case (byte)'h': stack.Add(Recall(Byte())); return true;
            case (byte)'j': stack.Add(Recall(UInt32())); return true;
            default: return false;
        }
    }

    /// <summary>Names, persistent ids, calls, and the state of objects.</summary>
    private bool Calls(byte code)
    {
        switch (code)
        {
            case (byte)'c': stack.Add(Named(Line(), Line())); return true;
            case 0x93:
                var name = Pop();
                var module = Pop();
                stack.Add(module is string m && name is string n ? Named(m, n) : throw Invalid("with a name that is no text"));
                return true;
            case (byte)'Q': stack.Add(PersistentLoad(Pop())); return true;
            case (byte)'R':
                var arguments = Pop();
                var called = Pop();
                stack.Add(called is Global global && arguments is Tuple tuple ? Reduce(global, tuple)
                    : throw Invalid("with a call of what is no name"));
                return true;
            case (byte)'b':
                // State set on an object: PyTorch sets _metadata on a state dict. It is dropped; other objects have no state here.
                Pop();
                Top<Dictionary>();
                return true;
            default: return false;
        }
    }

    private static void SetAll(Dictionary dictionary, List<object?> pairs)
    {
        if (pairs.Count % 2 != 0) throw Invalid("with a key without a value");
        for (var i = 0; i < pairs.Count; i += 2) dictionary.Set(pairs[i], pairs[i + 1]);
    }

    private Global Named(string module, string name)
    {
        var global = new Global(module, name);
        return Allowed(global) ? global
            : throw new InvalidDataException(
                $"The file asks for {global}, which is neither a tensor nor plain data. Nothing of it was run. Save the state dict alone: "
                + $"torch.save(model.state_dict(), path).");
    }

    private void TupleOf(int count)
    {
        var items = new object?[count];
        for (var i = count - 1; i >= 0; i--) items[i] = Pop();
        stack.Add(new Tuple(items));
    }

    private object? Peek() =>
        stack.Count > 0 && !ReferenceEquals(stack[^1], mark) ? stack[^1] : throw Invalid("that takes more than it put down");

    private object? Pop()
    {
        var top = Peek();
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private T Top<T>() => Peek() is T top ? top : throw Invalid("that treats one thing as another");

    private List<object?> PopToMark()
    {
        var place = stack.Count - 1;
        while (place >= 0 && !ReferenceEquals(stack[place], mark)) place--;
        if (place < 0) throw Invalid("without a mark where one is needed");
        var items = stack.GetRange(place + 1, stack.Count - place - 1);
        stack.RemoveRange(place, stack.Count - place);
        return items;
    }

    private object? Recall(uint index) => memo.TryGetValue(index, out var value) ? value : throw Invalid("that recalls what it never kept");

    private void PushInteger(long length)
    {
        // PyTorch's own magic number has ten bytes. Longer numbers only cost time: printing one takes time quadratic in its length.
        if (length is < 0 or > LongestInteger) throw Invalid($"with a whole number of {length} bytes");
        var value = new BigInteger(length == 0 ? [] : Bytes(length));
        if (value >= long.MinValue && value <= long.MaxValue) stack.Add((long)value);
        else stack.Add(value);
    }

    private string Text(long length)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Bytes(length));
        }
        catch (DecoderFallbackException)
        {
            throw Invalid("with text that is not UTF-8");
        }
    }

    private string Latin(long length) => Encoding.Latin1.GetString(Bytes(length));

    private string Line()
    {
        var line = new StringBuilder();
        for (var b = Byte(); b != '\n'; b = Byte())
        {
            line.Append((char)b);
            if (line.Length > 1000) throw Invalid("with a name of more than 1000 letters");
        }
        return line.ToString();
    }

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    private long Length64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8)) is var length and <= int.MaxValue ? (long)length
        : throw Invalid("with more bytes than the file has");

    private void Skip(long count) => Bytes(count);

    private byte Byte() => stream.ReadByte() is var b and >= 0 ? (byte)b : throw Invalid("that ends too early");

    private ReadOnlySpan<byte> Bytes(long count)
    {
        if (count < 0 || count > stream.Length - stream.Position) throw Invalid("that ends too early");
        var bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static InvalidDataException Invalid(string how) => new($"Not a valid PyTorch file: it holds a pickle {how}.");
}
