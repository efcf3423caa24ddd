using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Compares ways to compute the matrix product x·yᵀ with libtorch, and the library's product of a batch with itself, with
/// mm.</summary>
internal static class ProductCases
{
    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Run, double Tolerance)[] ways =
    [
        ("mm over tiles of 2,048 columns", (x, y) => Tiled(x, y, 2048), 2e-4),
        ("mm over tiles of 512 columns", (x, y) => Tiled(x, y, 512), 2e-4),
        ("conv2d 1 x 1, channels last", Convolution, 2e-4),
        ("mm in bfloat16", HalfPrecision, 0.05),
    ];

    public static IEnumerable<Case> All =>
    [
        .. Ways,
        OfItself(1024, 512), OfItself(1024, 2048), OfItself(4096, 512), OfItself(8192, 128),
    ];

    private static IEnumerable<Case> Ways =>
        from size in new[]
        {
            (64, 64, 2048), (64, 10000, 512), (256, 10000, 512), (1024, 1024, 128), (1024, 1024, 512), (4096, 4096, 512),
            (1024, 8192, 2048), (3368, 15913, 2048),
        }
        from way in ways
        where !way.Name.Contains("tiles") || size.Item2 > 2048
        select Of(way, size.Item1, size.Item2, size.Item3);

    private static Case Of((string Name, Func<Tensor, Tensor, Tensor> Run, double Tolerance) way, int rows, int columns, int width) =>
        new("products", way.Name, $"{rows} x {columns} x {width}", device =>
        {
            random.manual_seed(1);
            var (x, y) = (randn(rows, width).to(device), randn(columns, width).to(device));
            Func<Tensor[]> mm = Work.Scoped(() => [x.mm(y.t())]);
            return new(x, y) { Ours = Work.Scoped(() => [way.Run(x, y)]), Naive = mm };
        })
        {
            Agreement = new(way.Tolerance),
            Heavy = columns > 8192,
        };

    private static Case OfItself(int rows, int width) =>
        new("products", "a batch with itself, half of it", $"{rows} x {rows} x {width}", device =>
        {
            random.manual_seed(1);
            var x = randn(rows, width).to(device);
            return new(x) { Ours = Work.Scoped(() => [Similarity.Matrix(x, x)]), Naive = Work.Scoped(() => [x.mm(x.t())]) };
        });

    /// <summary>Each tile is written to its place in the result.</summary>
    private static Tensor Tiled(Tensor x, Tensor y, long columns)
    {
        var result = empty(x.size(0), y.size(0), device: x.device);
        for (var first = 0L; first < y.size(0); first += columns)
        {
            var count = Math.Min(columns, y.size(0) - first);
            using var tile = y.narrow(0, first, count);
            using var turned = tile.t();
            using var part = result.narrow(1, first, count);
            part.addmm_(x, turned, beta: 0, alpha: 1).Dispose();
        }
        return result;
    }

    private static Tensor Convolution(Tensor x, Tensor y)
    {
        var (q, g, d) = (x.size(0), y.size(0), y.size(1));
        return nn.functional.conv2d(y.view(1, 1, g, d).permute(0, 3, 1, 2), x.view(q, d, 1, 1)).view(q, g);
    }

    private static Tensor HalfPrecision(Tensor x, Tensor y) =>
        x.to(ScalarType.BFloat16).mm(y.to(ScalarType.BFloat16).t()).to(ScalarType.Float32);
}
