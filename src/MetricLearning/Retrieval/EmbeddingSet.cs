using System.Collections.ObjectModel;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The features of the queries or of the gallery of a retrieval, with the identity and, if known, the camera of each
/// row.</summary>
/// <remarks>
/// <para>A constructor takes ownership of the tensor of features: the set frees it in <see cref="Dispose"/>, and the caller's dispose scope
/// no longer does. The caller may read the tensor until then. A caller who disposes it earlier does not affect the set. Everything else
/// (arrays, lists, tensors of identities and cameras) is copied and still belongs to the caller. If a constructor throws, it has not taken
/// ownership.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</para>
/// </remarks>
/// <example><code>
/// using var fromModel = new EmbeddingSet(model.Embed(images), labels);                       // two tensors, [N, D] and [N]
/// using var fromArrays = EmbeddingSet.FromRows([[1f, 0f], [0f, 1f]], [7, 8], cameras: [1, 2]);
/// </code></example>
public sealed class EmbeddingSet : IDisposable
{
    private const string FeaturesName = "feat", IdentitiesName = "pid", CamerasName = "cam";

    private readonly Tensor given, features;

    /// <summary>Makes a set from a tensor of features and takes ownership of the tensor.</summary>
    /// <param name="features">[N, D], floating point, D at least 1. The set owns it.</param>
    /// <param name="identities">The identity of each row, N of them.</param>
    /// <param name="cameras">The camera of each row, N of them. Default: null, there are none.</param>
    /// <exception cref="ArgumentException">The features are not floating point [N, D], or the numbers of rows differ.</exception>
    /// <exception cref="ArgumentNullException">There are no features, or no identities.</exception>
    public EmbeddingSet(Tensor features, IEnumerable<long> identities, IEnumerable<long>? cameras = null)
    {
        Guard.Matrix(features);
        Identities = Column(features, Guard.NotNull(identities), nameof(identities));
        Cameras = cameras is null ? null : Column(features, cameras, nameof(cameras));
        // The caller may still read the tensor, or dispose it, so the set has one of its own that shares its memory.
        this.features = features.detach().DetachFromDisposeScope();
        given = features.DetachFromDisposeScope();
    }

    /// <inheritdoc cref="EmbeddingSet(Tensor, IEnumerable{long}, IEnumerable{long})"/>
    public EmbeddingSet(Tensor features, long[] identities, long[]? cameras = null)
        : this(features, (IEnumerable<long>)identities, cameras)        // an array would convert to a tensor as well
    {
    }

    /// <inheritdoc cref="EmbeddingSet(Tensor, IEnumerable{long}, IEnumerable{long})"/>
    public EmbeddingSet(Tensor features, int[] identities, int[]? cameras = null)
        : this(features, Guard.NotNull(identities).Select(identity => (long)identity), cameras?.Select(camera => (long)camera))
    {
    }

    /// <summary>Makes a set from a tensor of features, takes ownership of that tensor, and copies the tensors of identities and
    /// cameras.</summary>
    /// <param name="features">[N, D], floating point, D at least 1. The set owns it.</param>
    /// <param name="identities">[N], of any type of integers, on any device. It still belongs to the caller.</param>
    /// <param name="cameras">[N], of any type of integers, on any device. Default: null, there are none.</param>
    /// <exception cref="ArgumentException">The features are not floating point [N, D], or another tensor is not [N] or not of
    /// integers.</exception>
    /// <exception cref="ArgumentNullException">There are no features, or no identities.</exception>
    public EmbeddingSet(Tensor features, Tensor identities, Tensor? cameras = null)
        : this(features, Integers(features, identities, nameof(identities)),
            cameras is null ? null : Integers(features, cameras, nameof(cameras)))
    {
    }

    /// <summary>[N, D], without gradient.</summary>
    /// <exception cref="ObjectDisposedException">The set has been disposed.</exception>
    public Tensor Features => Guard.Owned(features, this);

    /// <summary>The identity of each row.</summary>
    public IReadOnlyList<long> Identities { get; }

    /// <summary>The camera of each row; null if there are none.</summary>
    public IReadOnlyList<long>? Cameras { get; }

    /// <summary>The embedding space of the features, as far as it is known. Sets of different spaces are not compared. Default: null, not
    /// known.</summary>
    public EmbeddingSpace? Space { get; init; }

    /// <summary>The number of rows, N.</summary>
    public int Count => Identities.Count;

    /// <summary>Copies features from an array.</summary>
    /// <typeparam name="T">A type of integers, such as <see cref="int"/> or <see cref="long"/>.</typeparam>
    /// <param name="features">[N, D], D at least 1.</param>
    /// <param name="identities">The identity of each row, N of them.</param>
    /// <param name="cameras">The camera of each row, N of them. Default: null, there are none.</param>
    /// <returns>A set in float32 on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The array has no columns, or the numbers of rows differ.</exception>
    /// <exception cref="OverflowException">An identity or a camera does not fit into 64 bits with a sign.</exception>
    public static EmbeddingSet FromArray<T>(float[,] features, IEnumerable<T> identities, IEnumerable<T>? cameras = null)
        where T : struct, IBinaryInteger<T>
    {
        ArgumentNullException.ThrowIfNull(features);
        var numbers = MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<byte, float>(ref MemoryMarshal.GetArrayDataReference(features)),
            features.Length);
        return Copy(numbers.ToArray(), features.GetLength(0), features.GetLength(1), identities, cameras);
    }

    /// <summary>Copies features from one array that holds one row after another.</summary>
    /// <typeparam name="T">A type of integers, such as <see cref="int"/> or <see cref="long"/>.</typeparam>
    /// <param name="features">N · D numbers: the first row, then the second, and so on.</param>
    /// <param name="dimension">D, at least 1.</param>
    /// <param name="identities">The identity of each row, N of them.</param>
    /// <param name="cameras">The camera of each row, N of them. Default: null, there are none.</param>
    /// <returns>A set in float32 on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The array does not hold whole rows, or the numbers of rows differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The dimension is less than 1.</exception>
    /// <exception cref="OverflowException">An identity or a camera does not fit into 64 bits with a sign.</exception>
    public static EmbeddingSet FromArray<T>(float[] features, long dimension, IEnumerable<T> identities, IEnumerable<T>? cameras = null)
        where T : struct, IBinaryInteger<T>
    {
        ArgumentNullException.ThrowIfNull(features);
        Guard.AtLeast(dimension, 1);
        if (features.Length % dimension != 0)
            throw new ArgumentException($"features must hold whole rows of dimension {dimension}, got {features.Length} numbers.",
                nameof(features));
        return Copy(features, features.Length / dimension, dimension, identities, cameras);
    }

    /// <summary>Copies features from rows.</summary>
    /// <typeparam name="T">A type of integers, such as <see cref="int"/> or <see cref="long"/>.</typeparam>
    /// <param name="rows">N rows of D numbers each, N and D at least 1.</param>
    /// <param name="identities">The identity of each row, N of them.</param>
    /// <param name="cameras">The camera of each row, N of them. Default: null, there are none.</param>
    /// <returns>A set in float32 on the CPU, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There are no rows, their lengths differ, or the numbers of rows differ.</exception>
    /// <exception cref="OverflowException">An identity or a camera does not fit into 64 bits with a sign.</exception>
    public static EmbeddingSet FromRows<T>(IReadOnlyList<float[]> rows, IEnumerable<T> identities, IEnumerable<T>? cameras = null)
        where T : struct, IBinaryInteger<T>
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0)
            throw new ArgumentException("rows must hold at least one row, from which the dimension follows; for an empty set give a "
                + "float[0, D] to FromArray.", nameof(rows));
        for (var row = 0; row < rows.Count; row++)
            if (rows[row]?.Length != rows[0]?.Length || rows[row] is null)
                throw new ArgumentException($"rows must have one length D, got {Length(rows[0])} in row 0 and {Length(rows[row])} in row "
                    + $"{row}.", nameof(rows));
        return Copy([.. rows.SelectMany(row => row)], rows.Count, rows[0].Length, identities, cameras);

        static string Length(float[]? row) => row is null ? "null" : $"{row.Length}";
    }

    /// <summary>Makes a set that keeps only the first numbers of each row. A loss such as <see cref="MatryoshkaLoss"/> trains features that
    /// can be shortened in this way.</summary>
    /// <param name="width">How many numbers to keep, from 1 to D. A distance that depends on the lengths of rows, such as the cosine, uses
    /// the lengths of the shortened rows.</param>
    /// <returns>A set [N, width] of its own memory, which the caller disposes. Its <see cref="Space"/>, if known, has the new dimension and
    /// does not say whether rows have length 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The width is below 1 or above D.</exception>
    public EmbeddingSet Prefix(long width)
    {
        Guard.Within(width, 1, Features.size(1));
        using var scope = NewDisposeScope();
        return new EmbeddingSet(Features.narrow(1, 0, width).clone(), Identities, Cameras)
        {
            Space = Space is null ? null : Space.OfCombinations with { Dimension = width },
        };
    }

    /// <summary>Makes a set with one row for each identity: the mean of its rows. If such a set is the gallery and
    /// <see cref="RetrievalProtocol.NoFilter"/> the protocol, the rank-1 of queries of the same identities is their nearest-centroid
    /// accuracy.</summary>
    /// <param name="normalize">Whether each row is scaled to length 1 first, so that all count alike, however short or long. A zero row
    /// stays zero. Default: yes.</param>
    /// <returns>A set [K, D] of its own memory, identities ascending, without cameras, which the caller disposes. Its
    /// <see cref="Space"/>, if known, does not say whether rows have length 1.</returns>
    /// <exception cref="InvalidOperationException">A feature is not finite; the message names the row.</exception>
    public EmbeddingSet ClassMeans(bool normalize = true)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (Guard.NotFinite(Features) is { } found) throw new InvalidOperationException($"The features must be finite, got {found}.");
        var classes = Enumerable.Range(0, Count).Select(row => (long)row).GroupBy(row => Identities[(int)row]).OrderBy(rows => rows.Key)
            .ToArray();
        var means = classes.Length == 0 ? Features.clone()
            : stack([.. classes.Select(rows => MultiQuery.Pool(Features, [.. rows], MultiQueryPooling.Average, normalize))]);
        return new EmbeddingSet(means, classes.Select(rows => rows.Key)) { Space = Space?.OfCombinations };
    }

    /// <summary>Writes the set to a <c>.safetensors</c> file, atomically: the features <c>feat</c> in their own type, the identities
    /// <c>pid</c>, the cameras <c>cam</c> if there are any, and the space.</summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            [FeaturesName] = Features, [IdentitiesName] = tensor(Identities.ToArray(), ScalarType.Int64),
        };
        if (Cameras is not null) tensors.Add(CamerasName, tensor(Cameras.ToArray(), ScalarType.Int64));
        SafeTensors.Write(path, tensors, Space is null ? null : new Dictionary<string, string>
        {
            [EmbeddingSpace.MetadataKey] = Space.ToJson(),
        });
    }

    /// <summary>Reads a set that <see cref="Save"/> wrote, with the same values and the same type, on the CPU. <see cref="FeatureReader"/>
    /// reads files of other programs.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The set, which the caller disposes.</returns>
    /// <exception cref="InvalidDataException">The file is damaged or is not such a set; the message names it.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static EmbeddingSet Load(string path) => InputFile.Read(path, stream =>
    {
        using var scope = NewDisposeScope();
        using var tensors = SafeTensors.Read(stream);
        var identities = Part(IdentitiesName);
        var cameras = tensors.ContainsKey(CamerasName) ? Part(CamerasName) : null;
        var space = EmbeddingSpace.Of(tensors.Metadata);
        try
        {
            return new EmbeddingSet(Part(FeaturesName).alias(), identities, cameras) { Space = space };
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"Not a set of embeddings: {e.Message}", e);
        }

        Tensor Part(string name) => tensors.TryGetValue(name, out var found) ? found : throw new InvalidDataException(
            $"Not a set of embeddings: it has no '{name}', but {MessageText.Some([.. tensors.Keys])}.");
    });

    /// <summary>Frees the features.</summary>
    public void Dispose()
    {
        features.Dispose();
        given.Dispose();
    }

    private static EmbeddingSet Copy<T>(float[] values, long rows, long dimension, IEnumerable<T> identities, IEnumerable<T>? cameras)
        where T : struct, IBinaryInteger<T>
    {
        ArgumentNullException.ThrowIfNull(identities);
        using var scope = NewDisposeScope();
        return new EmbeddingSet(tensor(values, [rows, dimension]), identities.Select(value => long.CreateChecked(value)),
            cameras?.Select(value => long.CreateChecked(value)));
    }

    private static ReadOnlyCollection<long> Column(Tensor features, IEnumerable<long> values, string name)
    {
        long[] column = [.. values];
        if (column.Length != features.size(0))
            throw new ArgumentException($"{name} must have one entry per row of features {Guard.Shape(features)}, got {column.Length}.",
                name);
        return Array.AsReadOnly(column);
    }

    private static long[] Integers(Tensor features, Tensor values, string name)
    {
        Guard.Matrix(features);
        Guard.Alive(values, name);
        if (values.dim() != 1 || values.size(0) != features.size(0) || values.dtype is not (ScalarType.Byte or ScalarType.Int8
            or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64))
            throw new ArgumentException($"{name} must be integers [{features.size(0)}], one per row of features {Guard.Shape(features)}, "
                + $"got {values.dtype} {Guard.Shape(values)}.", name);
        using var wide = values.to(ScalarType.Int64);
        return TensorMemory.Copy<long>(wide);
    }
}
