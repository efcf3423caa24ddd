using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Matrices of all distances of a batch to itself, and distances of pairs of rows. The size of a matrix is limited if the partner
/// holds or visits N·M·D numbers.</summary>
internal static class DistanceCases
{
    private static readonly (string Name, Distance Ours, Func<Tensor, Tensor, Tensor> Naive, long Largest)[] kinds =
    [
        ("Euclidean", Distance.Euclidean, Naive.Distances.Euclidean, long.MaxValue),
        ("Euclidean squared", Distance.EuclideanSquared, Naive.Distances.EuclideanSquared, long.MaxValue),
        ("Euclidean clamped", Distance.EuclideanClamped, Naive.Distances.EuclideanClamped, long.MaxValue),
        ("Euclidean normalized", Distance.Euclidean.Normalized(), Naive.Distances.EuclideanNormalized, long.MaxValue),
        ("cosine", Distance.Cosine, Naive.Distances.Cosine, long.MaxValue),
        ("dot", Distance.Dot, Naive.Distances.Dot, long.MaxValue),
        ("signal to noise", Distance.SignalToNoise, Naive.Distances.SignalToNoise, 1L << 27),
        ("L1", Distance.Lp(1), (x, y) => Naive.Distances.Lp(x, y, 1), 1L << 29),
        ("L3", Distance.Lp(3), (x, y) => Naive.Distances.Lp(x, y, 3), 1L << 27),
    ];

    private static readonly (string Name, Distance Ours, Func<Tensor, Tensor, Tensor> Naive)[] ofPairs =
    [
        ("Euclidean", Distance.Euclidean, (x, y) => (x - y).norm(1)),
        ("Euclidean squared", Distance.EuclideanSquared, (x, y) => (x - y).pow(2).sum(1)),
        ("cosine", Distance.Cosine, (x, y) => 1 - nn.functional.cosine_similarity(x, y)),
        ("L1", Distance.Lp(1), (x, y) => (x - y).norm(1, p: 1)),
        ("L3", Distance.Lp(3), (x, y) => (x - y).norm(1, p: 3)),
    ];

    private static readonly bool[] ways = [false, true];        // without gradient and with

    public static IEnumerable<Case> All => [.. Matrices, .. Pairs];

    private static IEnumerable<Case> Matrices =>
        from kind in kinds
        from size in new[] { (64, 2048), (1024, 128), (1024, 512), (1024, 2048), (4096, 512), (8192, 128), (8192, 2048) }
        where kind.Largest >= (long)size.Item1 * size.Item1 * size.Item2
        from withGradient in ways
        where !withGradient || size is (64, 2048) or (1024, 512)
        select Of(kind.Name, kind.Ours, kind.Naive, size.Item1, size.Item2, withGradient);

    private static IEnumerable<Case> Pairs =>
        from kind in ofPairs
        from size in new[] { (64, 2048), (4096, 512) }
        from withGradient in ways
        select OfPairs(kind.Name, kind.Ours.Pairwise, kind.Naive, size.Item1, size.Item2, withGradient);

    private static Case OfPairs(string name, Func<Tensor, Tensor, Tensor> ours, Func<Tensor, Tensor, Tensor> naive, int rows, int width,
        bool withGradient) =>
        new("distances of pairs", withGradient ? $"{name} forward + backward" : name, $"{rows} x {width}", device =>
        {
            var batch = Batch.Of(rows, width, device, withGradient);
            var (x, y) = (batch.Embeddings, batch.Embeddings.detach().flip(0));
            return new(batch)
            {
                Ours = withGradient ? Work.Step(() => ours(x, y).sum(), x) : Work.Of(() => ours(x, y)),
                Naive = withGradient ? Work.Step(() => naive(x, y).sum(), x) : Work.Scoped(() => [naive(x, y)]),
                Floor = Work.Scoped(() => [x.detach() - y]),
            };
        })
        {
            Agreement = Agreement.Rounding,
        };

    private static Case Of(string name, Distance ours, Func<Tensor, Tensor, Tensor> naive, int rows, int width, bool withGradient) =>
        new("distance matrices", withGradient ? $"{name} forward + backward" : name, $"{rows} x {width}", device =>
        {
            var batch = Batch.Of(rows, width, device, withGradient);
            var x = batch.Embeddings;
            return new(batch)
            {
                Ours = withGradient ? Work.Step(() => ours.Matrix(x, x).sum(), x) : Work.Of(() => ours.Matrix(x, x)),
                Naive = withGradient ? Work.Step(() => naive(x, x).sum(), x) : Work.Scoped(() => [naive(x, x)]),
                Floor = Work.Scoped(() => [x.mm(x.t())]),
            };
        })
        {
            // The partners expand the squares. The terms cancel, so their rounding error is larger than ours.
            Agreement = name.Contains("Euclidean", StringComparison.Ordinal) ? new(5e-3) : Agreement.Rounding,
            Guarded = !withGradient && (name, rows, width) is ("Euclidean" or "cosine", 64, 2048) or ("L1", 1024, 128)
                or ("Euclidean" or "Euclidean squared" or "cosine", 1024, 512),
            Heavy = rows == 8192 && (width > 128 || name != "Euclidean"),
        };
}
