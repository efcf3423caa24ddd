using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The properties that two embeddings must share to be comparable: the network and its weights, how images are prepared, and how
/// embeddings are compared. Files of weights and of features store it, so that every program uses a file in the same way.</summary>
/// <remarks>
/// <para>Null, the default of every property, stands for "not known". <see cref="Agree"/> completes one record with another, and refuses
/// records that contradict each other.</para>
/// <para>A network's output is a vector of the space only once it has length 1, if <see cref="Normalized"/> says so.
/// <see cref="Finish(Tensor)"/> turns the output into such vectors. Types that give vectors together with a space call it
/// themselves.</para>
/// <para>In the metadata of a safetensors file it is a JSON text under <see cref="MetadataKey"/>. Unknown members of the text are ignored,
/// so later versions may add members.</para>
/// <para>Two records are equal if all their members are equal. Lists are compared element by element.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record EmbeddingSpace
{
    /// <summary>The key of the record in the metadata of a file.</summary>
    public const string MetadataKey = "embedding_space";

    /// <summary>The value of <see cref="Layer"/> for the embedding that the model gives.</summary>
    public const string EmbeddingLayer = "embedding";

    /// <summary>A vector whose length is as near to 1 as rounding to float32 leaves it has length 1. So finishing twice changes
    /// nothing.</summary>
    private const double UnitTolerance = 1e-6;

    /// <summary>The program's name of the network, such as <c>osnet_x1_0</c>.</summary>
    /// <exception cref="ArgumentException">The text has half of a surrogate pair, which no file can hold.</exception>
    public string? Architecture { get; init => field = Whole(value, nameof(Architecture)); }

    /// <summary>The layer whose output is compared; <see cref="EmbeddingLayer"/> for the model's embedding.</summary>
    /// <exception cref="ArgumentException">The text has half of a surrogate pair, which no file can hold.</exception>
    public string? Layer { get; init => field = Whole(value, nameof(Layer)); }

    /// <summary>The length D of an embedding.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public long? Dimension { get; init => field = value is { } size ? Guard.AtLeast(size, 1, nameof(Dimension)) : null; }

    /// <summary>The height of the images that the network takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? Height { get; init => field = value is { } size ? Guard.AtLeast(size, 1, nameof(Height)) : null; }

    /// <summary>The width of the images that the network takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is below 1.</exception>
    public int? Width { get; init => field = value is { } size ? Guard.AtLeast(size, 1, nameof(Width)) : null; }

    /// <summary>How images are resized, such as <c>bilinear</c>.</summary>
    /// <exception cref="ArgumentException">The text has half of a surrogate pair, which no file can hold.</exception>
    public string? Interpolation { get; init => field = Whole(value, nameof(Interpolation)); }

    /// <summary>The mean that is subtracted from each channel of values in [0, 1].</summary>
    /// <exception cref="ArgumentException">An entry is not finite.</exception>
    public IReadOnlyList<float>? Mean
    {
        get;
        init => field = value is null ? null : [.. value.Select(entry => (float)Guard.Finite(entry, nameof(Mean)))];
    }

    /// <summary>The deviation by which each channel is then divided.</summary>
    /// <exception cref="ArgumentException">An entry is not finite, or not above 0.</exception>
    public IReadOnlyList<float>? Deviation
    {
        get;
        init => field = value is null ? null : [.. value.Select(entry => (float)Guard.Positive(entry, nameof(Deviation)))];
    }

    /// <summary>Whether embeddings are scaled to length 1 before they are compared. <see cref="Finish(Tensor)"/> scales them, and refuses
    /// zeros, which have no direction.</summary>
    public bool? Normalized { get; init; }

    /// <summary>The distance by which embeddings are compared, such as <c>cosine</c>.</summary>
    /// <exception cref="ArgumentException">The text has half of a surrogate pair, which no file can hold.</exception>
    public string? Distance { get; init => field = Whole(value, nameof(Distance)); }

    /// <summary>The fingerprint of the weights, as <see cref="FingerprintOf"/> gives it.</summary>
    /// <exception cref="ArgumentException">The text has half of a surrogate pair, which no file can hold.</exception>
    public string? Fingerprint { get; init => field = Whole(value, nameof(Fingerprint)); }

    /// <summary>The space of vectors that are computed from vectors of this space, such as their means. The lengths of such vectors are not
    /// known.</summary>
    internal EmbeddingSpace OfCombinations => this with { Normalized = null };

    /// <summary>Makes embeddings of this space of the output of its network: scales each row to length 1 if <see cref="Normalized"/> is
    /// true, and leaves it as it is otherwise. A row that has length 1 does not change.</summary>
    /// <param name="output">[N, D], such as <c>model.Embed(images)</c>; the caller keeps it.</param>
    /// <returns>[N, D], which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The output is not [N, D], not floating point, not finite, or has another D than
    /// <see cref="Dimension"/>. Or a row is all zeros, although <see cref="Normalized"/> is true.</exception>
    public Tensor Finish(Tensor output)
    {
        Guard.Matrix(output);
        if (FaultOf(output) is var (row, fault)) throw new ArgumentException(
            $"output must be rows of the embedding space, but the numbers in row {row} are {fault}.", nameof(output));
        return FinishSound(output);
    }

    /// <summary>As <see cref="Finish(Tensor)"/>, for output [N, D] without a <see cref="FaultOf(Tensor)"/>.</summary>
    internal Tensor FinishSound(Tensor output)
    {
        CheckWidth(output.size(1), nameof(output));
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        if (Normalized != true) return output.alias().MoveToOuterDisposeScope();
        var rows = output.to(ScalarType.Float64);
        var lengths = (rows * rows).sum(1, keepdim: true).sqrt();
        var areDone = (lengths - S(1)).abs().le(S(UnitTolerance));
        return (rows / lengths.masked_fill(areDone, S(1))).to(output.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>The first row of output [N, D] that is no vector of this space, and what its numbers are; null if there is none.</summary>
    internal (long Row, string Fault)? FaultOf(Tensor output)
    {
        using var scope = NewDisposeScope();
        if (FirstFalse(output.isfinite().all(1)) is { } stray) return (stray, "NaN or infinite");
        if (Normalized == true && FirstFalse(output.ne(S(0)).any(1)) is { } empty)
            return (empty, "all zeros, which cannot be scaled to length 1");
        return null;

        static long? FirstFalse(Tensor flags) =>
            flags.all().item<bool>() ? null : flags.to(ScalarType.Int64).argmin().item<long>();
    }

    /// <summary>Makes an embedding of this space of the output of its network for one image. See <see cref="Finish(Tensor)"/>.</summary>
    /// <param name="output">[D].</param>
    /// <returns>[D], a new array.</returns>
    /// <exception cref="ArgumentException">The output is not finite, or has another D than <see cref="Dimension"/>. Or it is all zeros,
    /// although <see cref="Normalized"/> is true.</exception>
    public float[] Finish(ReadOnlySpan<float> output)
    {
        if (FaultOf(output) is { } fault)
            throw new ArgumentException($"output must be a vector of the embedding space, got {fault.Message}.", nameof(output));
        return FinishSound(output);
    }

    /// <summary>As <see cref="Finish(ReadOnlySpan{float})"/>, for output without a <see cref="FaultOf(ReadOnlySpan{float})"/>.</summary>
    internal float[] FinishSound(ReadOnlySpan<float> output)
    {
        CheckWidth(output.Length, nameof(output));
        var embedding = output.ToArray();
        if (Normalized == true && LengthOf(output) is var length && Math.Abs(length - 1) > UnitTolerance)
            for (var i = 0; i < embedding.Length; i++) embedding[i] = (float)(embedding[i] / length);
        return embedding;
    }

    /// <summary>Why output is no vector of this space; null if it is one. The message is what the output has.</summary>
    internal ArithmeticException? FaultOf(ReadOnlySpan<float> output)
    {
        for (var i = 0; i < output.Length; i++)
            if (!float.IsFinite(output[i])) return new NotFiniteNumberException(
                string.Create(CultureInfo.InvariantCulture, $"{output[i]} at index {i}"), output[i]);
        return Normalized == true && !output.ContainsAnyExcept(0)
            ? new DivideByZeroException("zeros alone, which cannot be scaled to length 1") : null;
    }

    /// <summary>Computes the SHA-256 of tensors' names, types, shapes and values, in hexadecimal digits. The order of the tensors and their
    /// device do not matter.</summary>
    /// <param name="weights">The tensors by name.</param>
    /// <exception cref="ArgumentNullException">The tensors are null.</exception>
    /// <exception cref="ArgumentException">A tensor is null, disposed or sparse. The message names it.</exception>
    public static string FingerprintOf(IEnumerable<KeyValuePair<string, Tensor>> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        return WeightDigest.Of("", weights);
    }

    /// <summary>Reads the record of a safetensors file; null if it has none. No tensor is read.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is not a safetensors file, or its record is damaged. The message names
    /// it.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static EmbeddingSpace? Read(string path) => InputFile.Read(path, stream => Of(SafeTensors.Metadata(stream)));

    /// <summary>Reads the record in the metadata of a file; null if there is none.</summary>
    /// <param name="metadata">The metadata, such as <see cref="NamedTensors.Metadata"/>.</param>
    /// <exception cref="ArgumentNullException">The metadata are null.</exception>
    /// <exception cref="InvalidDataException">The record is damaged.</exception>
    public static EmbeddingSpace? Of(IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        return metadata.TryGetValue(MetadataKey, out var json) ? Parse(json) : null;
    }

    /// <summary>Writes the record as JSON, without unknown members.</summary>
    public string ToJson()
    {
        var json = new JsonObject();
        foreach (var (name, value) in Members)
            if (value is not null) json.Add(name, value switch
            {
                IReadOnlyList<float> list => new JsonArray([.. list.Select(entry => (JsonNode)entry)]),
                bool flag => flag,
                long number => number,
                int number => number,
                _ => (string)value,
            });
        return json.ToJsonString();
    }

    /// <summary>Reads a record that <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
    /// <exception cref="InvalidDataException">The text is not such a record, or a value in it is not possible.</exception>
    public static EmbeddingSpace Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            var node = JsonNode.Parse(json)?.AsObject() ?? throw new JsonException("it is null");
            return new EmbeddingSpace
            {
                Architecture = (string?)node["architecture"],
                Layer = (string?)node["layer"],
                Dimension = (long?)node["dimension"],
                Height = (int?)node["height"],
                Width = (int?)node["width"],
                Interpolation = (string?)node["interpolation"],
                Mean = Numbers(node["mean"]),
                Deviation = Numbers(node["deviation"]),
                Normalized = (bool?)node["normalized"],
                Distance = (string?)node["distance"],
                Fingerprint = (string?)node["fingerprint"],
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidDataException(
                $"The record of the embedding space cannot be read: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    /// <summary>Completes this record with another.</summary>
    /// <param name="other">The other record.</param>
    /// <exception cref="ArgumentNullException">The other record is null.</exception>
    /// <exception cref="ArgumentException">The records have different values for a member; the message has both values.</exception>
    public EmbeddingSpace Agree(EmbeddingSpace other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (Conflicts(other, "here", "there") is { } conflicts)
            throw new ArgumentException($"other must be the same embedding space, but {conflicts}.", nameof(other));
        return new EmbeddingSpace
        {
            Architecture = Architecture ?? other.Architecture,
            Layer = Layer ?? other.Layer,
            Dimension = Dimension ?? other.Dimension,
            Height = Height ?? other.Height,
            Width = Width ?? other.Width,
            Interpolation = Interpolation ?? other.Interpolation,
            Mean = Mean ?? other.Mean,
            Deviation = Deviation ?? other.Deviation,
            Normalized = Normalized ?? other.Normalized,
            Distance = Distance ?? other.Distance,
            Fingerprint = Fingerprint ?? other.Fingerprint,
        };
    }

    /// <summary>Completes the space that a caller gives for a model with what the model itself says.</summary>
    /// <param name="model">What the model says.</param>
    /// <param name="name">The name of this record in the message.</param>
    /// <exception cref="ArgumentException">The space is that of another model; the message has both values.</exception>
    internal EmbeddingSpace OfModel(EmbeddingSpace model, string name)
    {
        if (Conflicts(model, $"in {name}", "of the model") is not { } conflicts) return Agree(model);
        var members = Differences(model).Select(pair => $"{char.ToUpperInvariant(pair.Name[0])}{pair.Name[1..]} = null");
        throw new ArgumentException($"{name} must be the space of this model, but {conflicts}. The model itself says this, so leave it "
            + $"out: {name} with {{ {string.Join(", ", members)} }}.", name);
    }

    /// <summary>The Euclidean length of a vector.</summary>
    internal static double LengthOf(ReadOnlySpan<float> vector)
    {
        var sum = 0.0;
        foreach (var number in vector) sum += (double)number * number;
        return Math.Sqrt(sum);
    }

    /// <summary>Requires that two spaces agree in what is known of both.</summary>
    /// <exception cref="ArgumentException">A member differs.</exception>
    internal static void RequireSame(EmbeddingSpace? x, EmbeddingSpace? y, string xName, string yName)
    {
        if (x is not null && y is not null && x.Conflicts(y, $"for {xName}", $"for {yName}") is { } conflicts)
            throw new ArgumentException($"{xName} and {yName} must be of one embedding space, but {conflicts}.", yName);
    }

    /// <summary>Describes the members whose values differ, with both values; null if the records agree.</summary>
    /// <param name="other">The other record.</param>
    /// <param name="here">The origin of this record, which ends the clause.</param>
    /// <param name="there">The origin of the other record.</param>
    internal string? Conflicts(EmbeddingSpace other, string here, string there)
    {
        var clauses = Differences(other).Select(pair => $"{pair.Name} is {pair.Value} {here} and {pair.Other} {there}");
        return string.Join("; ", clauses) is { Length: > 0 } conflicts ? conflicts : null;
    }

    /// <summary>The members that both records know and whose values differ.</summary>
    private IEnumerable<(string Name, string Value, string Other)> Differences(EmbeddingSpace other) =>
        from pair in Members.Zip(other.Members)
        where pair.First.Value is not null && pair.Second.Value is not null
        let texts = (Value: Text(pair.First.Value), Other: Text(pair.Second.Value))
        where texts.Value != texts.Other
        select (pair.First.Name, texts.Value, texts.Other);

    private static string? Whole(string? text, string name) => text is null ? null : UnicodeText.Require(text, name);

    private void CheckWidth(long width, string name)
    {
        if (Dimension is { } known && known != width)
            throw new ArgumentException($"{name} must have {known} numbers per row, as the embedding space says, got {width}.", name);
    }

    /// <inheritdoc/>
    public bool Equals(EmbeddingSpace? other) => other is not null && ToJson() == other.ToJson();

    /// <inheritdoc/>
    public override int GetHashCode() => ToJson().GetHashCode(StringComparison.Ordinal);

    /// <summary>Formats the known members.</summary>
    public override string ToString() =>
        string.Join(", ", Members.Where(member => member.Value is not null).Select(member => $"{member.Name} {Text(member.Value!)}"));

    // The members by their names in JSON. Names follow JSON's customs; messages use them too.
    private IEnumerable<(string Name, object? Value)> Members =>
    [
        ("architecture", Architecture), ("layer", Layer), ("dimension", Dimension), ("height", Height), ("width", Width),
        ("interpolation", Interpolation), ("mean", Mean), ("deviation", Deviation), ("normalized", Normalized), ("distance", Distance),
        ("fingerprint", Fingerprint),
    ];

    private static string Text(object value) => value is IReadOnlyList<float> list
        ? $"[{string.Join(", ", list.Select(entry => entry.ToString(CultureInfo.InvariantCulture)))}]"
        : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    private static IReadOnlyList<float>? Numbers(JsonNode? node) =>
        node is null ? null : [.. node.AsArray().Select(entry => (float)(entry ?? throw new JsonException("a number is null")))];
}
