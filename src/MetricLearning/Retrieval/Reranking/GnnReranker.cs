using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Re-ranking as a graph neural network without parameters (Zhang et al., <i>Understanding Image Retrieval Re-Ranking: A Graph
/// Neural Network Perspective</i>, 2020), sparse.</summary>
/// <remarks>
/// Over queries and gallery together: row i of A is 1 at its k1 nearest rows by cosine, itself among them; then, twice,
/// <c>A ← A + Aᵀ</c>, <c>Aᵢ ← Σ cos(i, j)² Aⱼ</c> over the k2 nearest j of i, and each row is scaled to length 1. The result is
/// <c>1 − Aᵢ·Aⱼ</c>. With k2 = 1 nothing is passed on, as in the published code. Memory is that of the rows of A, whose entries grow
/// with k1 · k2².
/// </remarks>
public sealed class GnnReranker : Reranker
{
    private const int Layers = 2;

    /// <param name="k1">Neighbors that a row of A starts with, itself counted. Default: 26, the paper's for Market-1501.</param>
    /// <param name="k2">Neighbors whose rows are passed on, itself counted. Default: 7.</param>
    public GnnReranker(int k1 = 26, int k2 = 7) => (K1, K2) = (Guard.AtLeast(k1, 1), Guard.AtLeast(k2, 1));

    /// <summary>Neighbors that a row starts with, itself counted.</summary>
    public int K1 { get; }

    /// <summary>Neighbors whose rows are passed on, itself counted.</summary>
    public int K2 { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"GNN re-ranking (k1 = {K1}, k2 = {K2}) of {Distance.Cosine}");

    private protected override RerankedDistances RerankCore(Tensor features, int? queries)
    {
        var (all, galleryStart) = ((int)features.size(0), queries ?? 0);
        var lists = NeighborLists.Of(new FeatureScores(Distance.Cosine, features, features), all, all, Math.Max(K1, K2));
        var graph = Graph(lists, all);
        var index = new InvertedIndex(graph.AsSpan(galleryStart), all);
        var asked = graph[..(queries ?? all)];
        return new RerankedDistances(asked.Length, all - galleryStart, asked.Sum(row => row.Bytes) + index.Bytes, Rows);

        unsafe Tensor Rows(int first, int count)
        {
            var gallery = all - galleryStart;
            var rows = zeros(count, gallery, ScalarType.Float64);
            var sums = (nint)TensorMemory.Of(rows);
            Threads.For(count, i =>
            {
                var row = new Span<double>((double*)sums + (long)i * gallery, gallery);
                index.AddProducts(asked[first + i], row);
                for (var j = 0; j < gallery; j++) row[j] = 1 - row[j];
            });
            return rows;
        }
    }

    private SparseRow[] Graph(NeighborLists lists, int count)
    {
        var (start, passed) = (Math.Min(K1, lists.Width), Math.Min(K2, lists.Width));
        var graph = new SparseRow[count];
        Threads.For(count, i =>
        {
            var columns = lists.Rows(i)[..start].ToArray();
            Array.Sort(columns);
            graph[i] = new SparseRow(columns, [.. Enumerable.Repeat(1.0, start)]);
        });
        for (var layer = 0; layer < Layers && K2 > 1; layer++)
        {
            var (before, columns, next) = (graph, new InvertedIndex(graph, count), new SparseRow[count]);
            var both = new SparseRow[count];
            Threads.For(count, i => both[i] = SparseRow.Sum([before[i], columns.Column(i)], [1, 1]));
            Threads.For(count, i =>
            {
                var (rows, weights) = (new SparseRow[passed], new double[passed]);
                for (var r = 0; r < passed; r++)
                {
                    var cosine = -lists.Keys(i)[r];
                    (rows[r], weights[r]) = (both[lists.Rows(i)[r]], cosine * cosine);
                }
                next[i] = Unit(SparseRow.Sum(rows, weights));
            });
            graph = next;
        }
        return Array.ConvertAll(graph, Unit);
    }

    private static SparseRow Unit(SparseRow row)
    {
        var square = 0.0;
        foreach (var value in row.Values) square += value * value;
        return square == 0 ? row : row.Over(Math.Sqrt(square));
    }
}
