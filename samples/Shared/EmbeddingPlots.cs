using static TorchSharp.torch;

namespace MetricLearning.Samples;

/// <summary>What the report plots of features.</summary>
internal static class EmbeddingPlots
{
    /// <summary>The caption of an image.</summary>
    public static string Caption(long identity, long? camera) => $"identity {identity}" + (camera is null ? "" : $", camera {camera}");

    /// <summary>The distances of queries to gallery images of the same identity (from another camera, or another image) and of different
    /// identities.</summary>
    public static DistanceHistogram Histogram(EmbeddingSet query, EmbeddingSet gallery, RetrievalProtocol protocol, Distance distance,
        CancellationToken cancellationToken, int bins = 60)
    {
        List<double> same = [], different = [];
        var step = Math.Max(1, query.Count / 400);
        for (var q = 0; q < query.Count; q += step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var row = distance.Matrix(query.Features.narrow(0, q, 1), gallery.Features).to(ScalarType.Float32).cpu().data<float>();
            var g = 0;
            foreach (var d in row)
            {
                if (gallery.Identities[g] != query.Identities[q]) different.Add(d);
                else if (protocol.RemovesSelf ? g != q : query.Cameras is null || gallery.Cameras is null
                    || gallery.Cameras[g] != query.Cameras[q]) same.Add(d);
                g++;
            }
        }
        var all = same.Concat(different).Order().ToList();
        if (all.Count == 0) return new DistanceHistogram(0, 1, new double[bins], new double[bins]);
        var (low, high) = (Math.Min(0, all[0]), all[(int)(0.998 * (all.Count - 1))]);
        return new DistanceHistogram(low, high, Shares(same), Shares(different));

        double[] Shares(List<double> values)
        {
            var shares = new double[bins];
            foreach (var value in values)
                shares[Math.Clamp((int)((value - low) / (high - low) * bins), 0, bins - 1)] += 1.0 / values.Count;
            return shares;
        }
    }

    /// <summary>The embeddings of the identities with the most images, in the plane of their largest variance.</summary>
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
