using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The checked input of an evaluation: the scores of queries against a gallery, and which images match and which are
/// removed.</summary>
/// <remarks>The tensors of the scores belong to the dispose scope in which the input is created.</remarks>
/// <param name="Scores">The source of the scores.</param>
/// <param name="Relations">The relation of each pair under the protocol.</param>
/// <param name="Distance">The name of the distance for the report.</param>
internal sealed record EvaluationInput(ScoreSource Scores, Relations Relations, string Distance)
{
    /// <summary>Features of two sets, compared by a distance.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="protocol">The protocol that is set; null for the default.</param>
    /// <param name="scores">Makes the scores from [Q, D] and [G, D]. It gets the argument that the rows come from if they are one set, and
    /// null for queries and a gallery.</param>
    /// <param name="distance">The name of the distance.</param>
    /// <param name="set">The argument of the public call that is queries and gallery in one; null if there are two.</param>
    /// <exception cref="ArgumentException">Widths, types, devices, cameras or embedding spaces do not fit.</exception>
    public static EvaluationInput Of(EmbeddingSet query, EmbeddingSet gallery, RetrievalProtocol? protocol,
        Func<Tensor, Tensor, RowOrigin?, ScoreSource> scores, string distance, string? set = null)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        var relations = Relations.Of(protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        Guard.SameWidth(query.Features, gallery.Features, nameof(query), nameof(gallery));
        EmbeddingSpace.RequireSame(query.Space, gallery.Space, nameof(query), nameof(gallery));
        return new EvaluationInput(scores(query.Features, gallery.Features, set is null ? null : new(set)), relations, distance);
    }

    /// <summary>A given matrix of distances.</summary>
    /// <exception cref="ArgumentException">A shape or the cameras do not fit.</exception>
    public static EvaluationInput Of(Tensor distances, RetrievalProtocol? protocol, IReadOnlyList<long> queryIdentities,
        IReadOnlyList<long> galleryIdentities, IReadOnlyList<long>? queryCameras, IReadOnlyList<long>? galleryCameras)
    {
        Guard.Alive(distances);
        if (distances.dim() != 2 || !distances.is_floating_point())
            throw new ArgumentException(
                $"distances must be a floating-point matrix [Q, G], got {distances.dtype} {Guard.Shape(distances)}.", nameof(distances));
        Check(queryIdentities, 0, nameof(queryIdentities));
        Check(galleryIdentities, 1, nameof(galleryIdentities));
        if (queryCameras is not null) Check(queryCameras, 0, nameof(queryCameras));
        if (galleryCameras is not null) Check(galleryCameras, 1, nameof(galleryCameras));
        var relations = Relations.Of(protocol, queryIdentities, queryCameras, galleryIdentities, galleryCameras);
        return new EvaluationInput(RowScores.Of(distances), relations, "given matrix");

        void Check(IReadOnlyList<long> values, int dimension, string name)
        {
            ArgumentNullException.ThrowIfNull(values, name);
            if (values.Count != distances.size(dimension))
                throw new ArgumentException($"{name} must have one entry per {(dimension == 0 ? "row" : "column")} of distances "
                    + $"{Guard.Shape(distances)}, got {values.Count}.", name);
        }
    }

    /// <summary>Scores of features by a distance: by tiles with a bound if the distance has a <see cref="BasicForm"/>, otherwise by
    /// float64 rows.</summary>
    public static ScoreSource ScoresOf(Distance distance, Tensor query, Tensor gallery, ScoreSieve sieve = ScoreSieve.Automatic,
        RowOrigin? origin = null) => FeatureScores.Knows(distance)
        ? new FeatureScores(distance, query, gallery, sieve, origin: origin) : RowScores.Of(distance, query, gallery, origin);
}
