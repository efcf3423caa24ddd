using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning.Search;

/// <summary>The vectors that a model gives for a few fixed pictures. A gallery stores them. They show whether the model at hand is the
/// model that filled the gallery.</summary>
/// <remarks>
/// <para>An <see cref="EmbeddingSpace"/> describes a model; canaries show what the model does. They detect errors that a description
/// cannot: other weights under the same file name, channels in another order, another resize filter, a wrong layer.</para>
/// <para>Give the canaries to a store. The store saves them with each collection, and refuses a collection that another model filled. A
/// collection without canaries takes those of the first program that has canaries and calls
/// <c>EnsureCollectionExistsAsync</c>.</para>
/// <para>Two vectors count as equal if <c>‖x − y‖ ≤ tolerance · max(‖x‖, ‖y‖)</c>. Models that differ by less cannot be distinguished.
/// Another processor, number of threads or kernel changes only the last digits of a vector, which is far below the default tolerance.
/// Weights of 8 or 16 bits may change a vector more.</para>
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

    /// <summary>The default inputs: three drawn pictures of 128 x 96 pixels, as PNG files. Their bytes never change.</summary>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Pictures => CanaryPictures.All;

    /// <summary>The largest allowed distance of two vectors of one model, as a share of the length of the longer vector.</summary>
    public double Tolerance { get; }

    /// <summary>The number of vectors.</summary>
    public int Count => vectors.Length;

    /// <summary>The dimension of the vectors.</summary>
    public int Dimension => vectors[0].Length;

    /// <summary>Makes the canaries of a model. It embeds the inputs one after the other.</summary>
    /// <param name="embed">The model: it returns the vector of an input. A picture comes as the contents of an image file. The delegate
    /// that an <see cref="ImageEmbedder"/> takes fits, such as <c>OnnxEmbedder.EmbedAsync</c>.</param>
    /// <param name="inputs">The inputs, at least one. Default: null, <see cref="Pictures"/>. A model that does not embed pictures needs
    /// other inputs, such as texts in UTF-8. Only canaries of the same inputs can be compared.</param>
    /// <param name="tolerance">The largest allowed distance of two vectors of one model, in (0, 1). Default: 0.01.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentException">There are no inputs, or the model gives no vector, an empty one, one of another width, or one
    /// with NaN or infinity; the message names the input.</exception>
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

    /// <summary>The largest <c>‖x − y‖ / max(‖x‖, ‖y‖)</c> of two vectors of one input. It is 0 if all vectors are equal, about 1.4 for
    /// unrelated vectors, and infinity if their dimensions differ.</summary>
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

    /// <summary>Whether both come from one model, within <see cref="Tolerance"/>.</summary>
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
    /// <exception cref="InvalidDataException">The text is not such JSON.</exception>
    public static GalleryCanaries Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            var node = JsonMembers.Root(json);
            string[] inputs = [.. node.Entries("inputs").Select(input => (string)input!)];
            float[][] vectors = [.. node.Entries("vectors").Select(text =>
                MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)text!)).ToArray())];
            if (inputs.Length == 0 || inputs.Length != vectors.Length) throw new FormatException("its vectors are not complete");
            foreach (var vector in vectors)
                if (Fault(vector, vectors[0]) is { } fault) throw new FormatException($"it has {fault}");
            var tolerance = (double)node.Member("tolerance");
            CheckTolerance(tolerance);
            return new GalleryCanaries(inputs, vectors, tolerance);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
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

    /// <summary>Describes the fault of a vector; null if it has none.</summary>
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
