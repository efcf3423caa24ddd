using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The built-in distances between features: exact in float64, and by one matrix product a tile.</summary>
/// <remarks>
/// <para>Keys: the squared Euclidean distance, minus the cosine, or minus the dot product, each from float64 sums in a fixed order.
/// Tiles: <c>‖y‖² − 2 x·y</c>, <c>−x·y / ‖y‖</c> or <c>−x·y</c>, in which what is the same for all rows of the gallery is left out.</para>
/// <para>The bound. A dot product of n terms, added in any order and with or without fused operations, is off by at most
/// <c>γₙ Σ|xᵢ yᵢ| ≤ γₙ ‖x‖ ‖y‖</c>, <c>γₙ = n u / (1 − n u)</c>, u the unit roundoff (Higham, <i>Accuracy and Stability of Numerical
/// Algorithms</i>, 2002, section 3.1), plus n times the smallest normal number where products underflow. To this come the roundings
/// of the norm and of the one addition or multiplication behind it, and the float64 error of the exact key itself. A slack of 1 %
/// covers terms of second order and the rounding of the norms.</para>
/// </remarks>
internal sealed unsafe class FeatureScores : ScoreSource
{
    private const double ZeroNorm = 1e-12;      // as CosineDistance has it
    private const double LargestNormOfFloat = 1e18;
    private const double LargestNorm = 1e150;

    private readonly Distance distance;
    private readonly Tensor queries, gallery;           // on their device; float32 or float64
    private readonly Tensor? offset, factor;            // [G] in float64: what is added to, or multiplied with, a tile's columns
    private readonly bool wide;
    private readonly byte* queryRows, galleryRows;      // the same on the CPU
    private readonly int width;
    private readonly double[] queryNorms, galleryNorms;
    private readonly double largestGalleryNorm;
    private readonly bool roundsInputs;
    private Tensor? block;

    public FeatureScores(Distance distance, Tensor queryFeatures, Tensor galleryFeatures)
    {
        this.distance = distance;
        wide = queryFeatures.dtype == ScalarType.Float64;
        var type = wide ? ScalarType.Float64 : ScalarType.Float32;
        queries = queryFeatures.to(type).contiguous();
        gallery = galleryFeatures.to(type).contiguous();
        width = (int)queries.size(1);
        queryRows = NativeMemory.Of(queries.cpu());
        galleryRows = NativeMemory.Of(gallery.cpu());
        queryNorms = Norms(queryRows, (int)queries.size(0), "query");
        galleryNorms = Norms(galleryRows, (int)gallery.size(0), "gallery");
        largestGalleryNorm = galleryNorms.DefaultIfEmpty().Max();
        var largest = Math.Max(largestGalleryNorm, queryNorms.DefaultIfEmpty().Max());
        var needsFloat64 = wide || largest > LargestNormOfFloat || width * Unit(ScalarType.Float32) > 0.1;
        CountingType = needsFloat64 ? ScalarType.Float64 : ScalarType.Float32;
        roundsInputs = Device.type == TorchSharp.DeviceType.CUDA && backends.cuda.matmul.allow_tf32;
        if (distance is EuclideanDistance or EuclideanSquaredDistance) offset = Column(norm => norm * norm);
        if (distance is CosineDistance) factor = Column(norm => 1 / Math.Max(norm, ZeroNorm));

        Tensor Column(Func<double, double> of) => tensor(Array.ConvertAll(galleryNorms, n => of(n))).to(Device);
    }

    /// <summary>Whether a distance is one of those that this class knows.</summary>
    public static bool Knows(Distance distance) =>
        distance is EuclideanDistance or EuclideanSquaredDistance or CosineDistance or DotDistance;

    public override ScalarType CountingType { get; }

    public override Device Device => queries.device;

    /// <summary>Bytes of norms, and of features that are not float32 (or float64) on the CPU already.</summary>
    public static long Held(Tensor queryFeatures, Tensor galleryFeatures)
    {
        return Of(queryFeatures) + Of(galleryFeatures);

        static long Of(Tensor x)
        {
            var size = x.numel() * (x.dtype == ScalarType.Float64 ? 8 : 4);
            var converted = x.dtype is ScalarType.Float32 or ScalarType.Float64 && x.is_contiguous() ? 0 : size;
            return converted + (x.device_type == TorchSharp.DeviceType.CPU ? 0 : size) + x.size(0) * 16;
        }
    }

    public override long HeldBytes => Held(queries, gallery);

    public override long TileBytes(int queries, int rows, ScalarType type)
    {
        var size = type == ScalarType.Float64 ? 8L : 4L;
        return (queries + (type == gallery.dtype ? 0 : queries + rows)) * size * width;
    }

    public override void Begin(int query, int queries, ScalarType type) =>
        block = this.queries.narrow(0, query, queries).to(type) * S(offset is null ? -1 : -2);       // a power of two: exact

    public override Tensor Tile(int row, int rows)
    {
        var type = block!.dtype;
        var product = block.matmul(gallery.narrow(0, row, rows).to(type).t());
        if (offset is not null) product.Plus_(offset.narrow(0, row, rows).to(type));
        if (factor is not null) product.mul_(factor.narrow(0, row, rows).to(type));
        return product;
    }

    public override double Key(int query, int row) => distance switch
    {
        CosineDistance => -Dot(query, row) / (Math.Max(queryNorms[query], ZeroNorm) * Math.Max(galleryNorms[row], ZeroNorm)),
        DotDistance => -Dot(query, row),
        _ => wide
            ? ExactScores.SquaredDistance((double*)queryRows + (long)query * width, (double*)galleryRows + (long)row * width, width)
            : ExactScores.SquaredDistance((float*)queryRows + (long)query * width, (float*)galleryRows + (long)row * width, width),
    };

    public override (double Low, double High) Interval(int query, double key, ScalarType type)
    {
        var x = queryNorms[query];
        var middle = distance switch { CosineDistance => key * Math.Max(x, ZeroNorm), DotDistance => key, _ => key - x * x };
        var error = Error(query, type);
        return (middle - error, middle + error);
    }

    public override double Gap(int query, ScalarType type) => 2 * Error(query, type);

    public override double Distance(double key) => distance switch
    {
        EuclideanDistance => Math.Sqrt(key),
        CosineDistance => Math.Max(0, 1 + key),
        _ => key,
    };

    private double Error(int query, ScalarType type)
    {
        var (x, y, n) = (queryNorms[query], largestGalleryNorm, width);
        var (u, smallest) = (Unit(type), Math.ScaleB(1, type == ScalarType.Float32 ? -126 : -1022));
        var relative = Gamma(n, u);
        if (roundsInputs && type == ScalarType.Float32) relative += Math.ScaleB(1, -9) + Math.ScaleB(1, -20);       // TF32 keeps 10 bits
        var exact = 2 * Gamma(n + 16, Unit(ScalarType.Float64));
        return 1.01 * distance switch
        {
            CosineDistance => (relative + 3 * u + exact) * x + n * smallest * (4 + x) / ZeroNorm,
            DotDistance => (relative + exact) * x * y + n * smallest * (4 + x + y),
            _ => 2 * relative * x * y + 2 * u * (y * y + x * y) + exact * (x + y) * (x + y) + n * smallest * (8 + 2 * x + 2 * y),
        };
    }

    private static double Gamma(double n, double unit) => n * unit / (1 - n * unit);

    private static double Unit(ScalarType type) => type == ScalarType.Float32 ? 1.0 / (1 << 24) : 1.0 / (1L << 53);

    private double Dot(int query, int row) => wide
        ? ExactScores.Dot((double*)queryRows + (long)query * width, (double*)galleryRows + (long)row * width, width)
        : ExactScores.Dot((float*)queryRows + (long)query * width, (float*)galleryRows + (long)row * width, width);

    private double[] Norms(byte* rows, int count, string name)
    {
        var norms = new double[count];
        for (var row = 0; row < count; row++)
        {
            var start = (long)row * width;
            var square = wide ? ExactScores.Dot((double*)rows + start, (double*)rows + start, width)
                : ExactScores.Dot((float*)rows + start, (float*)rows + start, width);
            norms[row] = Math.Sqrt(square);
            if (norms[row] <= LargestNorm) continue;
            for (var i = 0; i < width; i++)
            {
                var value = wide ? ((double*)rows)[start + i] : ((float*)rows)[start + i];
                if (!double.IsFinite(value))
                    throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                        $"{name} features must be finite, got {value} in row {row}, column {i}."), name);
            }
            throw new ArgumentException($"{name} features must have rows of length at most 1e150, got more in row {row}.", name);
        }
        return norms;
    }
}
