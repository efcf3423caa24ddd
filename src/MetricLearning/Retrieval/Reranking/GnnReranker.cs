using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Re-ranking by a graph neural network without parameters (Zhang et al., <i>Understanding Image Retrieval Re-Ranking: A Graph
/// Neural Network Perspective</i>, 2020), computed with sparse matrices.</summary>
/// <remarks>
/// Queries and gallery are the rows of one set. Row i of A is 1 at the k1 rows nearest to i by cosine, i itself among them, and 0
/// elsewhere. Three steps follow, and they are done twice: <c>A ← A + Aᵀ</c>; <c>Aᵢ ← Σ cos(i, j)² Aⱼ</c> over the k2 nearest j of i; each
/// row is scaled to length 1. The result is <c>1 − Aᵢ·Aⱼ</c>. With k2 = 1 no rows are combined, as in the published code. Memory is that of
/// the rows of A for the gallery, whose entries grow with k1 · k2². They are kept once.
/// </remarks>
public sealed record GnnReranker : Reranker
{
    private const int Layers = 2;
    private const double GraphStart = 0.7, IndexStart = 0.9;        // of the work; the lists of neighbors come before

    /// <summary>Sets the parameters of the re-ranking.</summary>
    /// <param name="k1">The number of nearest rows, including the row itself, that a row of A starts with. Default: 26, the paper's value
    /// for Market-1501.</param>
    /// <param name="k2">The number of nearest rows, including the row itself, whose rows of A are combined. Default: 7.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is less than 1.</exception>
    public GnnReranker(int k1 = 26, int k2 = 7) => (K1, K2) = (k1, k2);

    /// <summary>k1: the number of nearest rows, including the row itself, that a row of A starts with. Default: 26.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int K1 { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>k2: the number of nearest rows, including the row itself, whose rows of A are combined. Default: 7.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int K2 { get; init => field = Guard.AtLeast(value, 1); }

    internal override Distance First => Distance.Cosine;

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"GNN re-ranking (k1 = {K1}, k2 = {K2}) of {Distance.Cosine}");

    private protected override RerankedDistances RerankCore(Tensor features, int? queries, RowOrigin origin, CallProgress progress)
    {
        var (all, galleryStart) = ((int)features.size(0), queries ?? 0);
        var scores = new FeatureScores(First, features, features, origin: origin);
        var lists = NeighborLists.Of(scores, all, all, Math.Max(K1, K2), progress: progress.Part(0, GraphStart));
        var graph = Graph(lists, all, progress.Part(GraphStart, IndexStart));
        var index = new InvertedIndex(graph.From(galleryStart, progress.Part(IndexStart, 1)), all);
        return new RerankedDistances(queries ?? all, all - galleryStart, graph.Bytes + index.Bytes, Rows);

        unsafe Tensor Rows(int first, int count)
        {
            var gallery = all - galleryStart;
            var rows = zeros(count, gallery, ScalarType.Float64);
            var sums = (nint)TensorMemory.Of(rows);
            Threads.For(count, i =>
            {
                var row = new Span<double>((double*)sums + (long)i * gallery, gallery);
                index.AddProducts(graph[first + i], row);
                for (var j = 0; j < gallery; j++) row[j] = 1 - row[j];
            });
            return rows;
        }
    }

    /// <summary>The final rows of A.</summary>
    private FinalRows Graph(NeighborLists lists, int count, CallProgress progress)
    {
        var (start, passed) = (Math.Min(K1, lists.Width), Math.Min(K2, lists.Width));
        var graph = new SparseRow[count];
        Threads.For(count, i =>
        {
            var columns = lists.Rows(i)[..start].ToArray();
            Array.Sort(columns);
            graph[i] = new SparseRow(columns, [.. Enumerable.Repeat(1.0, start)]);
        });
        if (K2 == 1) return new FinalRows(graph, i => Unit(graph[i]));
        for (var layer = 1; ; layer++)
        {
            var part = progress.Part((layer - 1.0) / Layers, (double)layer / Layers);
            var both = WithTransposed(graph, part.Part(0, 0.5));
            if (layer == Layers) return Last(lists, passed, both);
            // The new rows take the places of the old ones, which are not needed any more and take much memory.
            part.Part(0.5, 1).For(count, i => graph[i] = Combined(lists, i, passed, both));
        }
    }

    /// <summary>The rows of the last layer. They do not keep those of the layers before it.</summary>
    private static FinalRows Last(NeighborLists lists, int passed, SparseRow[] both) =>
        new(both, i => Unit(Combined(lists, i, passed, both)));

    /// <summary>A + Aᵀ.</summary>
    private static SparseRow[] WithTransposed(SparseRow[] graph, CallProgress progress)
    {
        var (columns, both) = (new InvertedIndex(graph, graph.Length), new SparseRow[graph.Length]);
        progress.For(graph.Length, i => both[i] = SparseRow.Sum([graph[i], columns.Column(i)], [1, 1]));
        return both;
    }

    /// <summary>The rows of the nearest neighbors of row i, weighted by their squared cosines, added up and scaled to length 1.</summary>
    private static SparseRow Combined(NeighborLists lists, int i, int passed, SparseRow[] both)
    {
        var (rows, weights) = (new SparseRow[passed], new double[passed]);
        for (var r = 0; r < passed; r++)
        {
            var cosine = -lists.Keys(i)[r];
            (rows[r], weights[r]) = (both[lists.Rows(i)[r]], cosine * cosine);
        }
        return Unit(SparseRow.Sum(rows, weights));
    }

    /// <summary>The row scaled to length 1.</summary>
    private static SparseRow Unit(SparseRow row)
    {
        var square = 0.0;
        foreach (var value in row.Values) square += value * value;
        return square == 0 ? row : row.Over(Math.Sqrt(square));
    }

    /// <summary>The final rows of A. Each is made when it is needed, because together they take most of the memory.</summary>
    /// <param name="parts">The rows that they are made of.</param>
    /// <param name="make">Makes a row.</param>
    private sealed class FinalRows(SparseRow[] parts, Func<int, SparseRow> make)
    {
        private const int AtOnce = 1024;

        /// <summary>Bytes of the rows that they are made of.</summary>
        public long Bytes { get; } = parts.Sum(row => row.Bytes);

        public SparseRow this[int row] => make(row);

        /// <summary>The rows from <paramref name="start"/> on.</summary>
        public IEnumerable<SparseRow> From(int start, CallProgress progress)
        {
            for (var first = start; first < parts.Length; first += AtOnce)
            {
                var rows = new SparseRow[Math.Min(AtOnce, parts.Length - first)];
                var offset = first;
                Threads.For(rows.Length, i => rows[i] = make(offset + i));
                foreach (var row in rows) yield return row;
                progress.Report((double)(first + rows.Length - start) / (parts.Length - start));
            }
        }
    }
}
