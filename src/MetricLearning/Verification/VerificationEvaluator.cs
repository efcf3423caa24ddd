using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Verification: do two pictures show one identity? ROC, TPR at a false-positive rate, FNMR at a false-match rate, EER, AUC and
/// the threshold for a target false-match rate, from all the pairs that a protocol leaves.</summary>
/// <remarks>
/// <para>Exact as <see cref="RetrievalEvaluator"/> is: pairs are compared by their distances in float64 from the given features, tiles of
/// scores only sort out what is clear, so figures are the same to the bit on every device and for every tile. No array of queries × gallery
/// is made: the distances of non-matching pairs are counted between those of matching ones, and the few order statistics that
/// thresholds need are gathered in a second pass.</para>
/// <para>Memory: <see cref="MemoryBudget"/>, plus about 40 bytes for each matching pair.</para>
/// <para>Immutable once built; may be used from several threads.</para>
/// </remarks>
public sealed class VerificationEvaluator
{
    private RetrievalProtocol protocol = RetrievalProtocol.Market1501;

    /// <summary>What is near. Default: cosine.</summary>
    public Distance Distance { get; init; } = Distance.Cosine;

    /// <summary>Which pairs count: those that a query looks at. Queries and gallery pictures of the junk identity make none. Default:
    /// Market-1501.</summary>
    public RetrievalProtocol Protocol { get => protocol; init => protocol = value; }

    /// <summary>The targets of <see cref="VerificationReport.OperatingPoints"/>, each in [0, 1]. Default: 0.0001, 0.001, 0.01,
    /// 0.1.</summary>
    public IReadOnlyList<double> FalseMatchRates
    {
        get;
        init => field = [.. value.Select(rate => Guard.Within(rate, 0, 1, nameof(FalseMatchRates)))];
    } = [1e-4, 1e-3, 1e-2, 1e-1];

    /// <summary>The confidence of intervals. Default: 0.95.</summary>
    public double Confidence { get; init => field = Guard.Within(value, 0, 1); } = 0.95;

    /// <summary>Bytes that tiles may use. Default: 256 MiB.</summary>
    public long MemoryBudget { get; init; } = 256L << 20;

    /// <summary>Tiles of this shape instead of those that follow from the budget; for tests.</summary>
    internal TilePlan? Tiles { get; init; }

    /// <summary>The most distances that are gathered at once for order statistics; for tests.</summary>
    internal int MostGathered { get; init; } = 1 << 18;

    /// <summary>All pairs of a query and a gallery picture that the protocol leaves.</summary>
    /// <exception cref="ArgumentException">Widths, types or devices differ, the protocol needs cameras that are not there, or a feature is
    /// not finite; the message names the row.</exception>
    public VerificationReport Evaluate(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        Guard.SameWidth(query.Features, gallery.Features);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var relations = new Relations(Protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        ScoreSource source = FeatureScores.Knows(Distance) ? new FeatureScores(Distance, query.Features, gallery.Features)
            : RowScores.Of(Distance, query.Features, gallery.Features);
        return Report(source, relations, query.Identities, $"{Distance}");
    }

    /// <summary>All pairs of two different rows of a set, each pair once.</summary>
    /// <exception cref="ArgumentException">As for two sets.</exception>
    public VerificationReport Evaluate(EmbeddingSet set)
    {
        var own = Protocol.Keep;
        var once = Protocol with { RemovesSelf = true, Keep = (x, y) => x.Index < y.Index && (own is null || own(x, y)) };
        return With(once).Evaluate(set, set);
    }

    /// <summary>All pairs of a given matrix of distances that the protocol leaves.</summary>
    /// <param name="distances">[Q, G], finite; smaller is nearer.</param>
    /// <param name="queryIdentities">The identity of each row.</param>
    /// <param name="galleryIdentities">The identity of each column.</param>
    /// <param name="queryCameras">The camera of each row, where the protocol asks for cameras.</param>
    /// <param name="galleryCameras">The camera of each column.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a distance is not finite; the message names its place.</exception>
    public VerificationReport Evaluate(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null)
    {
        Guard.Matrix(distances);
        ArgumentNullException.ThrowIfNull(queryIdentities);
        ArgumentNullException.ThrowIfNull(galleryIdentities);
        if (queryIdentities.Count != distances.size(0) || galleryIdentities.Count != distances.size(1))
            throw new ArgumentException(
                $"distances {Guard.Shape(distances)} must have a row for each of the {queryIdentities.Count} queryIdentities and "
                + $"a column for each of the {galleryIdentities.Count} galleryIdentities.", nameof(distances));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var relations = new Relations(Protocol, queryIdentities, queryCameras, galleryIdentities, galleryCameras);
        return Report(RowScores.Of(distances), relations, queryIdentities, "given");
    }

    /// <summary>Given distances of matching and of non-matching pairs, in any order.</summary>
    /// <param name="matching">Distances of pairs of one identity, finite.</param>
    /// <param name="nonMatching">Distances of pairs of two identities, finite.</param>
    /// <exception cref="ArgumentException">A distance is not finite; the message names its place.</exception>
    public VerificationReport Evaluate(IReadOnlyList<double> matching, IReadOnlyList<double> nonMatching) =>
        new(GivenPairs.Count(Finite(matching, nameof(matching)), Finite(nonMatching, nameof(nonMatching)), FalseMatchRates, Confidence),
            FalseMatchRates, Confidence);

    private VerificationReport Report(ScoreSource source, Relations relations, IReadOnlyList<long> queryIdentities, string distance)
    {
        var plan = Tiles ?? Plan(source, relations);
        if (source.WholeRows) plan = plan with { Rows = Math.Max(1, relations.Gallery) };
        var pairs = new StreamedPairs(source, relations, query => queryIdentities[query] == Protocol.JunkIdentity, plan, MostGathered);
        return new VerificationReport(pairs.Count(FalseMatchRates, Confidence, distance), FalseMatchRates, Confidence);
    }

    private TilePlan Plan(ScoreSource source, Relations relations)
    {
        var rows = source.WholeRows ? Math.Max(1, relations.Gallery) : Math.Clamp(relations.Gallery, 1, 2048);
        var one = Bytes(1);
        var block = 1 + (MemoryBudget - source.HeldBytes - one) / Math.Max(1, Bytes(2) - one);
        return new TilePlan((int)Math.Clamp(block, 1, Math.Clamp(relations.Queries, 1, 4096)), rows);

        long Bytes(int queries) => 16L * queries * rows + source.TileBytes(queries, rows, ScalarType.Float64);
    }

    private static double[] Finite(IReadOnlyList<double> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        double[] copy = [.. values];
        for (var i = 0; i < copy.Length; i++)
            if (!double.IsFinite(copy[i]))
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"{name} must be finite, got {copy[i]} at {i}."), name);
        return copy;
    }

    /// <summary>This evaluator, whatever else is set, under another protocol.</summary>
    private VerificationEvaluator With(RetrievalProtocol other)
    {
        var copy = (VerificationEvaluator)MemberwiseClone();
        copy.protocol = other;
        return copy;
    }
}
