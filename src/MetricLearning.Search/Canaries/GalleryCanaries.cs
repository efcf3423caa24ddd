using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning.Search;

/// <summary>What a model makes of a few fixed pictures. Kept with a gallery, it shows whether the model at hand is the one that filled the
/// gallery, whatever the two are called.</summary>
/// <remarks>
/// <para>An <see cref="EmbeddingSpace"/> says what a model is; canaries show what it does. They notice what a record cannot: another file
/// of weights under the old name, channels in another order, another resizing, a layer before or behind the right one.</para>
/// <para>Give them to a store. It keeps them with each collection, and refuses collections whose canaries are of another model. A
/// collection that has none takes those of the first program that has some and calls <c>EnsureCollectionExistsAsync</c>.</para>
/// <para>Two vectors are taken for those of one model where <c>‖x − y‖ ≤ tolerance · max(‖x‖, ‖y‖)</c>. Models that differ less than the
/// tolerance are not told apart. Another processor, number of threads or kernel changes the last digits of a vector, far less than the
/// default; numbers of 8 or 16 bits may change more.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
/// <example><code>
/// using var onnx = new OnnxEmbedder("model.onnx");
/// var canaries = await GalleryCanaries.MakeAsync(onnx.EmbedAsync);
/// using var store = new SqliteVectorStore("catalogue.db") { EmbeddingSpace = onnx.Space, Canaries = canaries };
/// </code></example>
public sealed class GalleryCanaries
{
    /// <summary>The default of <see cref="Tolerance"/>: 0.01.</summary>
    public const double DefaultTolerance = 0.01;

    private readonly string[] inputs;
    private readonly float[][] vectors;

    private GalleryCanaries(string[] inputs, float[][] vectors, double tolerance) =>
        (this.inputs, this.vectors, Tolerance) = (inputs, vectors, tolerance);

    /// <summary>The drawn pictures that are embedded where no other inputs are given: three PNG files of 128 x 96 pixels, always of the
    /// same bytes.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Pictures => CanaryPictures.All;

    /// <summary>How far two vectors of one model may be apart, as a share of the length of the longer one.</summary>
    public double Tolerance { get; }

    /// <summary>How many vectors there are.</summary>
    public int Count => vectors.Length;

    /// <summary>Numbers in a vector.</summary>
    public int Dimension => vectors[0].Length;

    /// <summary>Embeds the inputs, one after the other.</summary>
    /// <param name="embed">The model: gives the vector of an input, for pictures from the contents of an image file. For
    /// <see cref="ImageEmbedder"/> and for an ONNX file it is the same delegate.</param>
    /// <param name="inputs">What is embedded, at least one. Default: null, <see cref="Pictures"/>. A model of something else than pictures
    /// takes other bytes, such as texts in UTF-8. Only canaries of the same inputs can be compared.</param>
    /// <param name="tolerance">How far two vectors of one model may be apart, above 0 and below 1. Default: 0.01.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentException">There are no inputs, or the model gives no vector, an empty one, one of another width or one
    /// with NaN; the message names the input.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is out of range.</exception>
    /// <exception cref="OperationCanceledException">The call was stopped.</exception>
    public static async Task<GalleryCanaries> MakeAsync(Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> embed,
        IReadOnlyList<ReadOnlyMemory<byte>>? inputs = null, double tolerance = DefaultTolerance,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(embed);
        var given = inputs ?? Pictures;
        if (given.Count == 0) throw new ArgumentException("inputs must have at least one, got none.", nameof(inputs));
        CheckTolerance(tolerance);
        var vectors = new float[given.Count][];
        for (var i = 0; i < vectors.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var vector = await embed(given[i], cancellationToken).ConfigureAwait(false);
            if (Fault(vector, vectors[0]) is { } fault)
                throw new ArgumentException($"embed must give finite vectors of one width, got {fault} for input {i}.", nameof(embed));
            vectors[i] = [.. vector];
        }
        return new GalleryCanaries([.. given.Select(input => Convert.ToHexString(SHA256.HashData(input.Span)))], vectors, tolerance);
    }

    /// <summary>The largest <c>‖x − y‖ / max(‖x‖, ‖y‖)</c> of two vectors of one input: 0 where all are equal, about 1.4 for vectors that
    /// have nothing to do with each other, and infinity where the widths differ.</summary>
    /// <param name="other">Canaries of the same inputs.</param>
    /// <exception cref="ArgumentNullException">The other canaries are null.</exception>
    /// <exception cref="ArgumentException">They are of other inputs.</exception>
    public double Difference(GalleryCanaries other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!HasInputsOf(other))
            throw new ArgumentException("other must be made of the same inputs; make both with the same ones.", nameof(other));
        if (Dimension != other.Dimension) return double.PositiveInfinity;
        return vectors.Zip(other.vectors, Difference).Max();
    }

    /// <summary>Whether both are of one model, as far as <see cref="Tolerance"/> tells.</summary>
    /// <param name="other">Canaries of the same inputs.</param>
    /// <exception cref="ArgumentNullException">The other canaries are null.</exception>
    /// <exception cref="ArgumentException">They are of other inputs.</exception>
    public bool Agrees(GalleryCanaries other) => Difference(other) <= Tolerance;

    /// <summary>The canaries as JSON: the SHA-256 of each input, and its vector as float32 numbers in base 64.</summary>
    public string ToJson() => new JsonObject
    {
        ["tolerance"] = Tolerance,
        ["inputs"] = new JsonArray([.. inputs.Select(input => (JsonNode)input)]),
        ["vectors"] = new JsonArray([.. vectors.Select(vector =>
            (JsonNode)Convert.ToBase64String(MemoryMarshal.AsBytes(vector.AsSpan())))]),
    }.ToJsonString();

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static GalleryCanaries Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            var node = JsonNode.Parse(json)!.AsObject();
            string[] inputs = [.. node["inputs"]!.AsArray().Select(input => (string)input!)];
            float[][] vectors = [.. node["vectors"]!.AsArray().Select(text =>
                MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)text!)).ToArray())];
            if (inputs.Length == 0 || inputs.Length != vectors.Length) throw new FormatException("its vectors are not complete");
            foreach (var vector in vectors)
                if (Fault(vector, vectors[0]) is { } fault) throw new FormatException($"it has {fault}");
            var tolerance = (double)node["tolerance"]!;
            CheckTolerance(tolerance);
            return new GalleryCanaries(inputs, vectors, tolerance);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException
            or ArgumentException)
        {
            throw new InvalidDataException($"The canaries cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether both were made of the same inputs.</summary>
    internal bool HasInputsOf(GalleryCanaries other) => inputs.AsSpan().SequenceEqual(other.inputs);

    private static double Difference(float[] x, float[] y)
    {
        var (apart, longer) = (0.0, Math.Max(ExactScore.Norm(x), ExactScore.Norm(y)));
        for (var i = 0; i < x.Length; i++) apart += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        return longer == 0 ? 0 : Math.Sqrt(apart) / longer;
    }

    /// <summary>What is wrong with a vector; null for nothing.</summary>
    private static string? Fault(float[]? vector, float[]? first)
    {
        if (vector is null) return "null";
        if (vector.Length == 0) return "an empty one";
        if (first is not null && vector.Length != first.Length) return $"{vector.Length} numbers after {first.Length}";
        var place = Array.FindIndex(vector, number => !float.IsFinite(number));
        return place < 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{vector[place]} at place {place}");
    }

    private static void CheckTolerance(double tolerance)
    {
        if (!(tolerance > 0 && tolerance < 1))
            throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "tolerance must be above 0 and below 1.");
    }
}
