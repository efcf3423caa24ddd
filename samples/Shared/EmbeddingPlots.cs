using static TorchSharp.torch;

namespace MetricLearning.Samples;

/// <summary>Computes the plots of features in the report.</summary>
internal static class EmbeddingPlots
{
    /// <summary>The caption of an image.</summary>
    public static string Caption(long identity, long? camera) => $"identity {identity}" + (camera is null ? "" : $", camera {camera}");

    /// <summary>The distances of queries to the gallery images that the protocol leaves in their lists: those of the same identity and
    /// those of different identities. The last bin also counts the 0.2 % of the distances that lie beyond its end. A distance
    /// that is too large for the type of the features is left out.</summary>
    /// <remarks>Of 800 or more queries, 400 to 600 at equal steps are used. The distances are computed twice: once for their range and once
    /// for the counts. They are not kept, because a large gallery has millions of them.</remarks>
    public static DistanceHistogram Histogram(EmbeddingSet query, EmbeddingSet gallery, RetrievalProtocol protocol, Distance distance,
        CancellationToken cancellationToken, int bins = 60)
    {
        const int mostQueries = 400, fine = 1 << 14;
        const double shown = 0.998;
        var step = Math.Max(1, query.Count / mostQueries);
        var (smallest, largest) = (double.PositiveInfinity, double.NegativeInfinity);
        ForEach((d, _) => (smallest, largest) = (Math.Min(smallest, d), Math.Max(largest, d)));
        if (smallest > largest) return new DistanceHistogram(0, 1, new double[bins], new double[bins]);

        var low = Math.Min(0, smallest);
        var perUnit = largest > low ? fine / (largest - low) : 0;
        long[] same = new long[fine], different = new long[fine];
        ForEach((d, isSame) => (isSame ? same : different)[Math.Min(fine - 1, (int)((d - low) * perUnit))]++);
        var (seen, last) = (0L, -1);
        for (var most = (long)(shown * (same.Sum() + different.Sum())); last < 0 || (last < fine - 1 && seen < most);)
            seen += same[++last] + different[last];
        return new DistanceHistogram(low, perUnit == 0 ? low : low + (last + 1) / perUnit, Shares(same), Shares(different));

        void ForEach(Action<double, bool> take)
        {
            for (var q = 0; q < query.Count; q += step)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var distances = distance.Matrix(query.Features.narrow(0, q, 1), gallery.Features).to(ScalarType.Float64).cpu();
                var row = distances.data<double>().ToArray();
                var asked = Item(query, q);
                for (var g = 0; g < row.Length; g++)
                    if (double.IsFinite(row[g]) && Item(gallery, g) is var shown && Leaves(protocol, asked, shown))
                        take(row[g], shown.Identity == asked.Identity);
            }
        }

        double[] Shares(long[] counts)
        {
            var shares = new double[bins];
            var total = Math.Max(1, counts.Sum());
            for (var i = 0; i < fine; i++) shares[Math.Min(bins - 1, i * bins / (last + 1))] += (double)counts[i] / total;
            return shares;
        }
    }

    private static RetrievalItem Item(EmbeddingSet set, int row) => new(row, set.Identities[row], set.Cameras?[row] ?? -1);

    /// <summary>Whether a protocol leaves a gallery image in the list of a query.</summary>
    private static bool Leaves(RetrievalProtocol protocol, RetrievalItem query, RetrievalItem image) =>
        !(protocol.RemovesSelf && query.Index == image.Index)
        && image.Identity != protocol.JunkIdentity && query.Identity != protocol.JunkIdentity
        && protocol.Cameras switch
        {
            CameraFilter.SameIdentity => query.Camera != image.Camera || query.Identity != image.Identity,
            CameraFilter.All => query.Camera != image.Camera,
            _ => true,
        }
        && protocol.Keep?.Invoke(query, image) != false;

    /// <summary>The embeddings of the identities with the most images, in the plane of their largest variance. If there are cameras,
    /// identities of 0 and below are left out: they are the distractors and junk of Market-1501.</summary>
    public static IReadOnlyList<ProjectedPoint> Plane(
        EmbeddingSet query, EmbeddingSet gallery, Distance distance, int identities = 12, int picturesEach = 16)
    {
        using var scope = NewDisposeScope();
        var rows = (ReferenceEquals(query, gallery) ? Rows(query) : Rows(query).Concat(Rows(gallery)))
            .GroupBy(row => row.Id).Where(group => query.Cameras is null || group.Key > 0)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key).Take(identities)
            .SelectMany((group, number) => group.Take(picturesEach).Select(row => (row.Set, row.Index, row.Id, row.Camera, Number: number)))
            .ToList();
        if (rows.Count < 3) return [];
        var features = stack(rows.Select(row => row.Set.Features[row.Index])).to(ScalarType.Float64).cpu();
        if (ReferenceEquals(distance, Distance.Cosine)) features = nn.functional.normalize(features, dim: 1);
        var values = features.data<double>().ToArray();
        var width = (int)features.size(1);
        var matrix = new double[rows.Count, width];
        Buffer.BlockCopy(values, 0, matrix, 0, values.Length * sizeof(double));
        return [.. Projection.Plane(matrix)
            .Select((p, i) => new ProjectedPoint(p.X, p.Y, rows[i].Number, Caption(rows[i].Id, rows[i].Camera)))];

        static IEnumerable<(EmbeddingSet Set, int Index, long Id, long? Camera)> Rows(EmbeddingSet set) =>
            Enumerable.Range(0, set.Count).Select(i => (set, i, set.Identities[i], set.Cameras?[i]));
    }
}
