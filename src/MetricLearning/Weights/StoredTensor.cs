using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The type of a storage's elements.</summary>
/// <param name="Name">PyTorch's name of the storage class.</param>
/// <param name="Size">The bytes of an element.</param>
/// <param name="Type">The type in TorchSharp; null if it has none. Unsigned numbers of more than one byte have the type of the wider
/// signed ones that hold them.</param>
/// <param name="IsUnsigned">Whether they are unsigned numbers of more than one byte.</param>
internal sealed record StorageType(string Name, int Size, ScalarType? Type, bool IsUnsigned = false)
{
    private const string Suffix = "Storage";

    /// <summary>Whether a tensor's memory holds the very bytes of the file.</summary>
    public bool IsStoredAsIs => !IsUnsigned && Type is not (null or ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64);

    public static IReadOnlyList<StorageType> All { get; } =
    [
        new("DoubleStorage", 8, ScalarType.Float64), new("FloatStorage", 4, ScalarType.Float32),
        new("HalfStorage", 2, ScalarType.Float16), new("BFloat16Storage", 2, ScalarType.BFloat16),
        new("LongStorage", 8, ScalarType.Int64), new("IntStorage", 4, ScalarType.Int32), new("ShortStorage", 2, ScalarType.Int16),
        new("CharStorage", 1, ScalarType.Int8), new("ByteStorage", 1, ScalarType.Byte), new("BoolStorage", 1, ScalarType.Bool),
        new("ComplexFloatStorage", 8, ScalarType.ComplexFloat32), new("ComplexDoubleStorage", 16, ScalarType.ComplexFloat64),
        new("QInt8Storage", 1, null), new("QUInt8Storage", 1, null), new("QInt32Storage", 4, null), new("QUInt4x2Storage", 1, null),
        new("QUInt2x4Storage", 1, null), new("UntypedStorage", 1, null),
    ];

    /// <summary>The type of a storage class, on any device; null if it is not known.</summary>
    public static StorageType? Of(Pickle.Global global) =>
        global.Module is "torch" or "torch.cuda" or "torch.storage" ? All.FirstOrDefault(type => type.Name == global.Name) : null;

    /// <summary>The type of elements that Python names, such as <c>torch.float32</c>; null if TorchSharp has none.</summary>
    public static StorageType? OfElements(Pickle.Global global) => global.Module != "torch" ? null : global.Name switch
    {
        "float64" => Named("Double"), "float32" => Named("Float"), "float16" => Named("Half"), "bfloat16" => Named("BFloat16"),
        "int64" => Named("Long"), "int32" => Named("Int"), "int16" => Named("Short"), "int8" => Named("Char"), "uint8" => Named("Byte"),
        "bool" => Named("Bool"), "complex64" => Named("ComplexFloat"), "complex128" => Named("ComplexDouble"),
        "uint16" => Unsigned(2), "uint32" => Unsigned(4), "uint64" => Unsigned(8),
        _ => null,
    };

    private static StorageType Unsigned(int size) =>
        new($"uint{8 * size}", size, new StoredNumbers('u', size, BigEndian: false).Type, IsUnsigned: true);

    private static StorageType Named(string elements) => All.First(type => type.Name == elements + Suffix);
}

/// <summary>The memory of tensors in a file.</summary>
/// <param name="Key">What the file calls it.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Count">The number of its elements.</param>
internal sealed record Storage(string Key, StorageType Type, long Count)
{
    public Int128 Bytes => (Int128)Count * Type.Size;
}

/// <summary>A part of a storage. Files of PyTorch before 0.4 have storages that are parts of others.</summary>
internal sealed record StorageSlice(Storage Storage, long Offset, long Count);

/// <summary>A value that is a tensor: one that can be read, or one that cannot.</summary>
internal abstract record TensorValue
{
    private const int DeepestWrapping = 8;

    /// <summary>The tensor that a value of a pickle stands for; null if it is none.</summary>
    public static TensorValue? Of(object? value) => value as TensorValue ?? (value is Pickle.Object made ? Of(made, 0) : null);

    private static TensorValue? Of(Pickle.Object made, int depth)
    {
        if (made.Kind is not { } kind || depth > DeepestWrapping) return null;
        return (kind.Module, kind.Name, made.Arguments) switch
        {
            ("torch._utils", "_rebuild_tensor" or "_rebuild_tensor_v2",
                [StorageSlice slice, long offset, Pickle.Tuple shape, Pickle.Tuple strides, .. var rest]) =>
                Marked(View(slice, offset, shape, strides), rest is [_, _, Pickle.Dictionary marks, ..] ? marks : null),
            ("torch._utils", "_rebuild_tensor_v3",
                [StorageSlice slice, long offset, Pickle.Tuple shape, Pickle.Tuple strides, _, _, Pickle.Global type, .. var rest]) =>
                StorageType.OfElements(type) is { } elements
                    ? Marked(View(Retyped(slice, elements), offset, shape, strides), rest is [Pickle.Dictionary marks, ..] ? marks : null)
                    : new UnreadTensor($"of type {type}, which TorchSharp does not have"),
            ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state", [var data, ..]) => Inner(data),
            // A tensor of a subclass: the function that makes it, the class, the function's arguments.
            ("torch._tensor", "_rebuild_from_type_v2", [Pickle.Global function, _, Pickle.Tuple arguments, ..]) =>
                Inner(new Pickle.Object(function, arguments.Items)),
            ("torch._utils", var name, _) when name.StartsWith("_rebuild_", StringComparison.Ordinal) => new UnreadTensor(KindOf(name)),
            _ when IsTensorClass(kind) => (made.Arguments is [var data, ..] ? Inner(data) : null) ?? OfState(made.State),
            _ => null,
        };

        TensorValue? Inner(object? value) =>
            value as TensorValue ?? (value is Pickle.Object inner ? Of(inner, depth + 1) : null);

        TensorValue? OfState(object? state) => state is not Pickle.Tuple { Items: var items } ? null : items switch
        {
            [StorageSlice slice, long offset, Pickle.Tuple shape, Pickle.Tuple strides] => View(slice, offset, shape, strides),
            [var data, _, _, _, _] => Inner(data),      // a Variable of PyTorch before 0.4: data, gradient, hooks, two flags
            _ => null,
        };
    }

    private static string KindOf(string function) =>
        function.Contains("sparse", StringComparison.Ordinal) ? "sparse, which is not read: save it as tensor.to_dense()"
        : function.Contains("qtensor", StringComparison.Ordinal) ? "quantized, which is not read: save it as tensor.dequantize()"
        : function.Contains("meta", StringComparison.Ordinal) ? "on the device 'meta', that is, without values"
        : $"made by torch._utils.{function}, which is not known: save the plain tensors";

    private static bool IsTensorClass(Pickle.Global kind) =>
        (kind.Module is "torch.nn.parameter" && kind.Name is "Parameter" or "Buffer")
        || (kind.Module is "torch.autograd.variable" or "torch.autograd" && kind.Name is "Variable")
        || (kind.Module is "torch" or "torch.cuda" or "torch._tensor" or "torch.tensor"
            && kind.Name.EndsWith("Tensor", StringComparison.Ordinal));

    /// <summary>A tensor with the marks of PyTorch 2: the storage of a tensor that was negated or conjugated may hold the numbers as they
    /// were before.</summary>
    private static TensorValue Marked(TensorValue tensor, Pickle.Dictionary? marks) =>
        tensor is StoredTensor stored && marks is not null
            ? stored with { IsNegated = marks["neg"] is true, IsConjugated = marks["conj"] is true } : tensor;

    /// <summary>A slice of bytes as elements of a type.</summary>
    private static StorageSlice Retyped(StorageSlice slice, StorageType type) => slice with
    {
        Storage = slice.Storage with { Type = type, Count = (long)(slice.Storage.Bytes / type.Size) },
        Count = slice.Count * slice.Storage.Type.Size / type.Size,
    };

    private static TensorValue View(StorageSlice slice, long offset, Pickle.Tuple sizes, Pickle.Tuple steps) =>
        Numbers(sizes) is { } shape && Numbers(steps) is { } strides ? View(slice, offset, shape, strides)
            : new UnreadTensor("not a tensor: a size or a stride of it is not a whole number");

    /// <summary>A tensor as a view of its storage, checked against it.</summary>
    public static TensorValue View(StorageSlice slice, long offset, long[] shape, long[] strides)
    {
        if (slice.Storage.Type.Type is null) return new UnreadTensor(
            $"of a type, {slice.Storage.Type.Name}, that TorchSharp does not have");
        var text = $"a tensor [{string.Join(", ", shape)}] with strides [{string.Join(", ", strides)}] at {offset}";
        if (shape.Length != strides.Length || offset < 0 || RawTensor.Count(shape) is not { } count || strides.Any(stride => stride < 0))
            return new UnreadTensor($"{text}, which is not valid");
        // The position of the last element. Int128, because the strides in a damaged file may be anything.
        Int128 last = offset;
        for (var i = 0; i < shape.Length; i++) last += (Int128)Math.Max(0, shape[i] - 1) * strides[i];
        return (count > 0 && last >= slice.Count) || offset > slice.Count
            ? new UnreadTensor($"{text}, which does not lie in its storage of {slice.Count} elements")
            : new StoredTensor(slice.Storage, slice.Offset + offset, shape, strides);
    }

    private static long[]? Numbers(Pickle.Tuple tuple) =>
        tuple.Items.All(item => item is long) ? [.. tuple.Items.Select(item => (long)item!)] : null;
}

/// <summary>A tensor that is a view of its storage, within it.</summary>
internal sealed record StoredTensor(Storage Storage, long Offset, long[] Shape, long[] Strides) : TensorValue
{
    /// <summary>The bytes of all its elements. Where a stride is 0 or rows overlap, they are more than the storage has.</summary>
    public Int128 Bytes => (Int128)RawTensor.Count(Shape)!.Value * Storage.Type.Size;

    /// <summary>Whether the storage holds the numbers with the other sign.</summary>
    public bool IsNegated { get; init; }

    /// <summary>Whether the storage holds the conjugate numbers.</summary>
    public bool IsConjugated { get; init; }

    /// <summary>The tensor, given the memory of its storage.</summary>
    public Tensor In(Tensor memory)
    {
        var view = memory.as_strided(Shape, Strides, Offset);
        if (IsConjugated) view = Replaced(view, view.conj_physical());
        return IsNegated ? Replaced(view, view.neg()) : view;

        static Tensor Replaced(Tensor old, Tensor made)
        {
            old.Dispose();
            return made;
        }
    }
}

/// <summary>A tensor that cannot be read.</summary>
/// <param name="What">What it is, and why it is not read; it ends the sentence "the tensor is ...".</param>
internal sealed record UnreadTensor(string What) : TensorValue;
