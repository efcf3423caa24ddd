using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace MetricLearning;

/// <summary>Reads one pickled object as plain data. It knows no types and calls nothing: the result of a call becomes an inert
/// <see cref="Object"/>.</summary>
/// <remarks>
/// Values are null, bool, long, <see cref="BigInteger"/>, double, string, byte[], <see cref="Dictionary"/>, <see cref="List{T}"/> of
/// values (also for sets), <see cref="Tuple"/>, <see cref="Global"/>, <see cref="Object"/>, or results of <see cref="PersistentLoad"/>.
/// Values may contain themselves. The memory of every value counts against a <see cref="MemoryBudget"/>.
/// </remarks>
internal sealed class Pickle
{
    /// <summary>A name in a module of Python. It is never used to look up or call anything.</summary>
    public sealed record Global(string Module, string Name)
    {
        public override string ToString() => $"{Module}.{Name}";
    }

    /// <summary>Python's tuple.</summary>
    public sealed record Tuple(object?[] Items);

    /// <summary>Python's dict or OrderedDict, in order; the last of equal keys counts.</summary>
    public sealed class Dictionary
    {
        private Dictionary<string, int>? places;
        private List<KeyValuePair<object?, object?>>? items;

        public IReadOnlyList<KeyValuePair<object?, object?>> Items => items ?? (IReadOnlyList<KeyValuePair<object?, object?>>)[];

        public object? this[string key] => places is not null && places.TryGetValue(key, out var place) ? items![place].Value : null;

        public void Set(object? key, object? value)
        {
            items ??= [];
            var pair = KeyValuePair.Create(key, value);
            if (key is not string name) items.Add(pair);
            else if ((places ??= new(StringComparer.Ordinal)).TryAdd(name, items.Count)) items.Add(pair);
            else items[places[name]] = pair;
        }
    }

    /// <summary>The placeholder for the result of a call or a class: its name and its arguments.</summary>
    public sealed class Object
    {
        public Object(object? called, object?[] arguments)
        {
            // Python's own helpers that make an object of the class that is their first argument.
            if (called is Global { Module: "copyreg" or "copy_reg", Name: "_reconstructor" or "__newobj__" or "__newobj_ex__" }
                && arguments is [Global made, ..])
                (called, arguments) = (made, arguments[1..]);
            Kind = called as Global;
            Arguments = arguments;
        }

        /// <summary>The class or function; null if that was itself the result of a call.</summary>
        public Global? Kind { get; }

        public object?[] Arguments { get; }

        /// <summary>The state that was set on it, usually the dictionary of its attributes.</summary>
        public object? State { get; set; }

        /// <summary>What was set by key, if its class is a kind of dictionary.</summary>
        public Dictionary? Entries { get; set; }

        /// <summary>What was appended or added, if its class is a kind of list or set.</summary>
        public List<object?>? Elements { get; set; }
    }

    // The memory of a value in addition to its own bytes, including its place on the stack and the growth of lists.
    private const int ValueCost = 48;
    private const int DictionaryCost = 80;
    private const int EntryCost = 96;
    private const int ElementCost = 24;
    private const int LongestLine = 1000;
    private const int LongestInteger = 255;

    private static readonly object mark = new();
    private static readonly UTF8Encoding utf8 = new(false, throwOnInvalidBytes: true);

    private readonly Stream stream;
    private readonly MemoryBudget budget;
    private readonly List<object?> stack = [];
    private readonly Dictionary<uint, object?> memo = [];

    public Pickle(Stream stream, MemoryBudget budget) => (this.stream, this.budget) = (stream, budget);

    /// <summary>Returns the value of a persistent id.</summary>
    public required Func<object?, object?> PersistentLoad { get; init; }

    /// <summary>Reads up to and including the pickle's end.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a pickle, or its values take more memory than the budget has.</exception>
    public object? Load()
    {
        const byte stop = (byte)'.';
        for (var code = Byte(); code != stop; code = Byte())
            if (!Frames(code) && !PushesConstant(code) && !PushesNumber(code) && !PushesText(code) && !Collects(code) && !Adds(code)
                && !Remembers(code) && !Calls(code))
                throw Invalid($"with the instruction 0x{code:x2}, which no file of weights needs");
        return Pop();
    }

    // Each of these methods executes an instruction of its kind, and returns whether the instruction was of that kind.

    private bool Frames(byte code)
    {
        switch (code)
        {
            case 0x80: // PROTO
                if (Byte() is var protocol and > 5) throw Invalid($"of protocol {protocol}; 0 to 5 are read");
                return true;
            case 0x95: Bytes(8); return true; // FRAME
            case (byte)'(': Push(mark); return true;
            case (byte)'0': Pop(); return true;
            case (byte)'1': PopToMark(); return true;
            case (byte)'2': Push(Peek()); return true;
            case 0x98: return true; // READONLY_BUFFER: the buffer stays as it is
            default: return false;
        }
    }

    private bool PushesConstant(byte code)
    {
        switch (code)
        {
            case (byte)'N': Push(null); return true;
            case 0x88: Push(true); return true;
            case 0x89: Push(false); return true;
            case (byte)'}': Push(new Dictionary(), DictionaryCost); return true;
            case (byte)']' or 0x8f: Push(new List<object?>()); return true; // EMPTY_LIST, EMPTY_SET
            case (byte)')': Push(new Tuple([])); return true;
            default: return false;
        }
    }

    private bool PushesNumber(byte code)
    {
        switch (code)
        {
            case (byte)'K': Push((long)Byte()); return true;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2))); return true;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); return true;
            case 0x8a: PushInteger(Byte()); return true;
            case 0x8b: PushInteger(BinaryPrimitives.ReadInt32LittleEndian(Bytes(4))); return true;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Bytes(8))); return true;
            case (byte)'I' or (byte)'L': PushDecimal(Line()); return true;
            case (byte)'F':
                Push(double.TryParse(Line(), CultureInfo.InvariantCulture, out var number) ? number
                    : throw Invalid("with a number that is none"));
                return true;
            default: return false;
        }
    }

    private bool PushesText(byte code)
    {
        switch (code)
        {
            case (byte)'X': PushText(UInt32()); return true;
            case 0x8c: PushText(Byte()); return true;
            case 0x8d: PushText(Length64()); return true;
            case (byte)'U': PushLatin(Byte()); return true; // SHORT_BINSTRING, from Python 2
            case (byte)'T': PushLatin(UInt32()); return true;
            case (byte)'S' or (byte)'V': Push(Line().Trim('\'', '"')); return true; // of protocol 0
            case (byte)'C': PushBytes(Byte()); return true;
            case (byte)'B': PushBytes(UInt32()); return true;
            case 0x8e or 0x96: PushBytes(Length64()); return true; // BINBYTES8, BYTEARRAY8
            default: return false;
        }
    }

    /// <summary>Makes a tuple, a list, a set or a dictionary of values on the stack.</summary>
    private bool Collects(byte code)
    {
        switch (code)
        {
            case 0x85: TupleOf(1); return true;
            case 0x86: TupleOf(2); return true;
            case 0x87: TupleOf(3); return true;
            case (byte)'t': Push(new Tuple([.. PopToMark()])); return true;
            case (byte)'l' or 0x91: Push(PopToMark()); return true; // LIST, FROZENSET
            case (byte)'d':
                var made = new Dictionary();
                SetAll(made, PopToMark());
                Push(made, DictionaryCost);
                return true;
            default: return false;
        }
    }

    /// <summary>Adds values to the list, set or dictionary below them on the stack.</summary>
    private bool Adds(byte code)
    {
        switch (code)
        {
            case (byte)'a':
                var element = Pop();
                budget.Spend(ElementCost);
                List().Add(element);
                return true;
            case (byte)'e' or 0x90: // APPENDS, ADDITEMS
                var elements = PopToMark();
                List().AddRange(elements);
                return true;
            case (byte)'s':
                var value = Pop();
                var key = Pop();
                SetAll(Entries(), [key, value]);
                return true;
            case (byte)'u':
                var pairs = PopToMark();
                SetAll(Entries(), pairs);
                return true;
            default: return false;
        }
    }

    private bool Remembers(byte code)
    {
        switch (code)
        {
            case (byte)'q': Remember(Byte()); return true;
            case (byte)'r': Remember(UInt32()); return true;
            case (byte)'p': Remember(Place()); return true;
            case 0x94: Remember((uint)memo.Count); return true;
            case (byte)'h': Push(Recall(Byte())); return true;
            case (byte)'j': Push(Recall(UInt32())); return true;
            case (byte)'g': Push(Recall(Place())); return true;
            default: return false;
        }
    }

    /// <summary>Names, persistent ids, calls, and the state of objects.</summary>
    private bool Calls(byte code)
    {
        switch (code)
        {
            case (byte)'c': Push(new Global(Line(), Line())); return true;
            case 0x93:
                var name = Pop();
                var module = Pop();
                Push(module is string m && name is string n ? new Global(m, n) : throw Invalid("with a name that is not a text"));
                return true;
            case (byte)'Q': Push(PersistentLoad(Pop()), ValueCost); return true;
            case (byte)'P': Push(PersistentLoad(Line()), ValueCost); return true;
            case (byte)'R' or 0x81: CallTop(); return true; // REDUCE, NEWOBJ
            case 0x92: // NEWOBJ_EX; arguments by name are of no use here
                Pop();
                CallTop();
                return true;
            case (byte)'o': // OBJ
                var made = PopToMark();
                if (made.Count == 0) throw Invalid("with a call of nothing");
                Call(made[0], new Tuple([.. made.Skip(1)]));
                return true;
            case (byte)'i': // INST
                var kind = new Global(Line(), Line());
                Call(kind, new Tuple([.. PopToMark()]));
                return true;
            case (byte)'b':
                // State set on a dictionary (PyTorch sets _metadata on a state dict) is dropped; plain values have none.
                var state = Pop();
                if (Peek() is Object target) target.State = state;
                return true;
            default: return false;
        }
    }

    private void CallTop()
    {
        var arguments = Pop();
        Call(Pop(), arguments);
    }

    private void Call(object? called, object? arguments)
    {
        if (called is not (Global or Object) || arguments is not Tuple { Items: var items }) throw Invalid(
            "with a call of an object that is not a name");
        object made = (called, items) switch
        {
            (Global { Module: "collections", Name: "OrderedDict" }, []) => new Dictionary(),
            (Global { Module: "collections", Name: "OrderedDict" }, [List<object?> pairs]) => Ordered(pairs),
            (Global { Module: "torch", Name: "Size" }, [Tuple sizes]) => sizes,
            _ => new Object(called, items),
        };
        Push(made, DictionaryCost);
    }

    private Dictionary Ordered(List<object?> pairs)
    {
        var result = new Dictionary();
        foreach (var pair in pairs)
            switch (pair)
            {
                case Tuple { Items: [var key, var value] }: SetAll(result, [key, value]); break;
                case List<object?> and [var key, var value]: SetAll(result, [key, value]); break;
                default: throw Invalid("with an OrderedDict of objects that are not pairs");
            }
        return result;
    }

    private void SetAll(Dictionary dictionary, List<object?> pairs)
    {
        if (pairs.Count % 2 != 0) throw Invalid("with a key without a value");
        budget.Spend((long)EntryCost * pairs.Count / 2);
        for (var i = 0; i < pairs.Count; i += 2) dictionary.Set(pairs[i], pairs[i + 1]);
    }

    /// <summary>The dictionary on top, or the entries of the object there.</summary>
    private Dictionary Entries() => Peek() is Object made ? made.Entries ??= new Dictionary() : Top<Dictionary>();

    /// <summary>The list on top, or the elements of the object there.</summary>
    private List<object?> List() => Peek() is Object made ? made.Elements ??= [] : Top<List<object?>>();

    private void TupleOf(int count)
    {
        var items = new object?[count];
        for (var i = count - 1; i >= 0; i--) items[i] = Pop();
        Push(new Tuple(items), ElementCost * count);
    }

    private void Push(object? value, long cost = 0)
    {
        budget.Spend(ValueCost + cost);
        stack.Add(value);
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
        if (place < 0) throw Invalid("without a mark that is needed");
        budget.Spend((long)ElementCost * (stack.Count - place));
        var items = stack.GetRange(place + 1, stack.Count - place - 1);
        stack.RemoveRange(place, stack.Count - place);
        return items;
    }

    private void Remember(uint index)
    {
        budget.Spend(ValueCost);
        memo[index] = Peek();
    }

    private uint Place() => uint.TryParse(Line(), NumberStyles.None, CultureInfo.InvariantCulture, out var place) ? place
        : throw Invalid("with a place that is not a number");

    private object? Recall(uint index) => memo.TryGetValue(index, out var value) ? value : throw Invalid("that recalls what it never kept");

    private void PushInteger(long length)
    {
        // PyTorch's own magic number has ten bytes. Longer numbers only cost time: printing one takes time quadratic in its length.
        if (length is < 0 or > LongestInteger) throw Invalid($"with a whole number of {length} bytes");
        PushWhole(new BigInteger(Bytes(length)));
    }

    private void PushDecimal(string text)
    {
        // Protocol 0 writes True and False as the numbers 01 and 00; Python 2 ends long numbers with an L.
        if (text is "00" or "01") Push(text == "01");
        else if (text.Length <= LongestInteger && BigInteger.TryParse(text.TrimEnd('L'), NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture, out var value)) PushWhole(value);
        else throw Invalid("with a number that is none");
    }

    private void PushWhole(BigInteger value)
    {
        if (value >= long.MinValue && value <= long.MaxValue) Push((long)value);
        else Push(value, LongestInteger);
    }

    private void PushText(long length)
    {
        budget.Spend(2 * length);
        try
        {
            Push(utf8.GetString(Bytes(length)));
        }
        catch (DecoderFallbackException)
        {
            throw Invalid("with text that is not UTF-8");
        }
    }

    private void PushLatin(long length)
    {
        budget.Spend(2 * length);
        Push(Encoding.Latin1.GetString(Bytes(length)));
    }

    private void PushBytes(long length)
    {
        budget.Spend(length);
        Push(Bytes(length));
    }

    private string Line()
    {
        var line = new StringBuilder();
        for (var b = Byte(); b != '\n'; b = Byte())
        {
            line.Append((char)b);
            if (line.Length > LongestLine) throw Invalid($"with a line of more than {LongestLine} letters");
        }
        budget.Spend(2 * line.Length + ValueCost);
        return line.ToString();
    }

    private uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    private long Length64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8)) is var length and <= int.MaxValue ? (long)length
        : throw Invalid("with more bytes than the file has");

    private byte Byte() => stream.ReadByte() is var b and >= 0 ? (byte)b : throw Invalid("that ends too early");

    private byte[] Bytes(long count)
    {
        if (count < 0 || count > stream.Length - stream.Position) throw Invalid("that ends too early");
        var bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static InvalidDataException Invalid(string how) => new($"Not a valid PyTorch file: it holds a pickle {how}.");
}
