using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scores by a built-in distance between features: exact keys in float64, and tiles by one matrix product each, or by integers
/// (<see cref="FixedPointSieve"/>).</summary>
/// <remarks>
/// <para>Keys: the squared Euclidean distance, minus the cosine, or minus the dot product, each computed from float64 sums in a fixed
/// order. Tiles: <c>‖y‖² − 2 x·y</c>, <c>−x·y / ‖y‖</c> or <c>−x·y</c>; terms that are the same for all rows of the gallery are left
/// out. All other built-in distances but <see cref="Distance.Lp"/> are one of these between changed rows (<see cref="BasicForm"/>). For the
/// cosine, short rows are scaled up (<see cref="ShortRows"/>), and a zero row has the cosine 0 with every row.</para>
/// <para>The bound. The error of a dot product of n terms, added in any order and with or without fused operations, is at most
/// <c>γₙ Σ|xᵢ yᵢ| ≤ γₙ ‖x‖ ‖y‖</c>, <c>γₙ = n u / (1 − n u)</c>, u the unit roundoff (Higham, <i>Accuracy and Stability of Numerical
/// Algorithms</i>, 2002, section 3.1), plus n times the smallest normal number if products underflow. The roundings of the
/// norm and of the one addition or multiplication after it are added, and the float64 error of the exact key itself. A slack of 1 % covers
/// terms of second order and the rounding of the norms.</para>
/// </remarks>
internal sealed unsafe class FeatureScores : ScoreSource
{
    private const double ZeroNorm = ShortRows.Least;        // only zero rows are shorter, and their products are 0
    private const double LargestNormOfFloat = 1e18;

    /// <summary>The mean number of matches from which the intervals of coarse scores hold so many other scores that float64 tiles cost less
    /// than exact keys.</summary>
    private const int ManyMatches = 96;

    private readonly Distance distance;
    private readonly Tensor queries, gallery;           // on their device; float32 or float64
    private readonly FeatureRows queryRows, galleryRows;        // the same on the CPU
    private readonly Tensor? offset, factor;            // [G] in float64: added to a tile's columns, or multiplied with them
    private readonly int width;
    private readonly double largestGalleryNorm;
    private readonly long held;
    private readonly double[]? signals;         // [Q]: a key is the squared distance divided by it
    private readonly bool roundsInputs, fixedPoint, split, chooses;
    private FixedPointSieve? sieve;
    private Tensor? block, tile;
    private PackedTiles? packed;

    /// <param name="distance">One that this class knows.</param>
    /// <param name="queryFeatures">[Q, D].</param>
    /// <param name="galleryFeatures">[G, D].</param>
    /// <param name="sieve">How tiles are made for counting.</param>
    /// <param name="split">Whether 16-bit integers are split into bytes; null if the faster way is to be taken.</param>
    /// <param name="origin">The arguments that the rows come from if they are one matrix; null for queries and a gallery.</param>
    /// <exception cref="ArgumentException">A feature is not finite, or rows are too long or too short to be squared; the message names the
    /// row or the argument.</exception>
    public FeatureScores(Distance distance, Tensor queryFeatures, Tensor galleryFeatures, ScoreSieve sieve = ScoreSieve.Automatic,
        bool? split = null, RowOrigin? origin = null)
    {
        var form = BasicForm.Of(distance)!;
        this.distance = form.Basic;
        var wide = form.ChangesRows || queryFeatures.dtype == ScalarType.Float64;
        var type = wide ? ScalarType.Float64 : ScalarType.Float32;
        (queries, queryRows) = Rows(queryFeatures, origin ?? RowOrigin.Query);
        (gallery, galleryRows) = ReferenceEquals(queryFeatures, galleryFeatures) ? (queries, queryRows)
            : Rows(galleryFeatures, origin ?? RowOrigin.Gallery);
        width = (int)queries.size(1);
        largestGalleryNorm = galleryRows.LargestNorm;
        var largest = Math.Max(largestGalleryNorm, queryRows.LargestNorm);
        if (largest < Guard.LeastSquared) RequireSquares(largest);
        chooses = sieve == ScoreSieve.Automatic;
        var mayBeFixed = sieve is ScoreSieve.Automatic or ScoreSieve.Int16 && Device.type == TorchSharp.DeviceType.CPU
            && FixedPoint.IsSupported;
        this.split = mayBeFixed && (split ?? SplitProduct.Pays(queryRows.Count, galleryRows.Count, width));
        fixedPoint = mayBeFixed && (sieve == ScoreSieve.Int16 || this.split || FixedPoint.IsFaster);
        var needsFloat64 = sieve == ScoreSieve.Float64 || largest > LargestNormOfFloat
            || (!fixedPoint && (wide || width * Unit(ScalarType.Float32) > 0.1));
        CountingType = needsFloat64 ? ScalarType.Float64 : ScalarType.Float32;
        roundsInputs = Device.type == TorchSharp.DeviceType.CUDA && backends.cuda.matmul.allow_tf32;
        if (IsEuclidean(this.distance)) offset = Column(norm => norm * norm);
        if (this.distance is CosineDistance) factor = Column(norm => 1 / Math.Max(norm, ZeroNorm));
        if (form.DividesBySignal) signals = Signals();
        held = Held(queryFeatures, queries, queryRows)
            + (ReferenceEquals(queries, gallery) ? 0 : Held(galleryFeatures, gallery, galleryRows));

        (Tensor, FeatureRows) Rows(Tensor features, RowOrigin origin)
        {
            var rows = form.ChangesRows ? form.Rows(features).to(features.device) : features.to(type).contiguous();
            var measured = new FeatureRows(rows.cpu(), origin);
            return form.Basic is CosineDistance ? ShortRows.Lifted(rows, measured) : (rows, measured);
        }

        // Norms, and copies of features that are not used as they are.
        long Held(Tensor given, Tensor used, FeatureRows rows)
        {
            var size = used.numel() * used.element_size();
            var isCopy = form.ChangesRows || rows.AreLifted || given.dtype != type || !given.is_contiguous();
            return (isCopy ? size : 0) + (used.device_type == TorchSharp.DeviceType.CPU ? 0 : size) + used.size(0) * 16;
        }

        Tensor Column(Func<double, double> of) => tensor(Array.ConvertAll(galleryRows.Norms, n => of(n))).to(Device);
    }

    /// <summary>Whether a distance is one of those that this class knows.</summary>
    public static bool Knows(Distance distance) => BasicForm.Of(distance) is not null;

    /// <summary>Whether keys are squared Euclidean distances.</summary>
    public static bool IsEuclidean(Distance distance) =>
        distance is EuclideanDistance or EuclideanSquaredDistance or EuclideanClampedDistance;

    /// <summary>The distance that the keys stand for.</summary>
    public Distance Measures => distance;

    public override ScalarType CountingType { get; }

    public override ScalarType CountingTypeFor(double matches) =>
        chooses && matches >= ManyMatches && Device.type == TorchSharp.DeviceType.CPU ? ScalarType.Float64 : CountingType;

    public override Device Device => queries.device;

    public override bool IsSymmetric => ReferenceEquals(queries, gallery) && signals is null;

    public override long HeldBytes => held + (fixedPoint ? FixedPointSieve.HeldBytes(queryRows.Count, galleryRows.Count) : 0);

    public override long TileBytes(int queries, int rows, ScalarType type)
    {
        if (Sieves(type)) return FixedPointSieve.TileBytes(queries, rows, width, split);
        var size = type == ScalarType.Float64 ? 8L : 4L;
        return (queries + (type == gallery.dtype ? 0 : queries + rows)) * size * width
            + (Packs(type) ? PackedTiles.Bytes(queries, rows, width) : 0);
    }

    public override void Begin(int query, int queries, int rows, ScalarType type)
    {
        if (Sieves(type))
        {
            Sieve.Begin(query, queries, rows);
            block = null;
        }
        else
        {
            block = this.queries.narrow(0, query, queries).to(type) * S(offset is null ? -1 : -2);       // a power of two: exact
            packed = Packs(type) ? new PackedTiles(block, rows) : null;
            tile = packed is null ? empty(queries * (long)rows, type, Device) : null;
        }
    }

    public override Tensor Tile(int row, int rows)
    {
        if (block is null) return Sieve.Tile(row, rows);
        var type = block.dtype;
        var right = gallery.narrow(0, row, rows).to(type);
        var product = packed is null ? Plain(right) : packed.Of(right);
        if (offset is not null) product.Plus_(offset.narrow(0, row, rows).to(type));
        if (factor is not null) product.mul_(factor.narrow(0, row, rows).to(type));
        return product;
    }

    private Tensor Plain(Tensor rows) =>
        tile!.narrow(0, 0, block!.size(0) * rows.size(0)).view(-1, rows.size(0)).addmm_(block, rows.t(), beta: 0);

    public override double Key(int query, int row) => distance switch
    {
        CosineDistance => -queryRows.Dot(query, galleryRows, row)
            / (Math.Max(queryRows.Norms[query], ZeroNorm) * Math.Max(galleryRows.Norms[row], ZeroNorm)),
        DotDistance => -queryRows.Dot(query, galleryRows, row),
        EuclideanClampedDistance => Math.Max(EuclideanClampedDistance.Least, queryRows.SquaredDistance(query, galleryRows, row)),
        _ => queryRows.SquaredDistance(query, galleryRows, row) / Signal(query),
    };

    public override (double Low, double High) Interval(int query, double key, ScalarType type)
    {
        var error = Error(query, type);
        var x = queryRows.Norms[query];
        var middle = Sieves(type) ? key * Signal(query) + Sieve.Shift(query)
            : distance switch { CosineDistance => key * Math.Max(x, ZeroNorm), DotDistance => key, _ => key * Signal(query) - x * x };
        return (middle - error, middle + error);
    }

    public override KeyOfScore KeyOf(int query, ScalarType type)
    {
        var error = 1.05 * Error(query, type);      // 5 %: the roundings of the addition and the division
        if (Sieves(type)) return new KeyOfScore(-Sieve.Shift(query), Signal(query), error / Signal(query));
        var x = queryRows.Norms[query];
        var scale = distance is CosineDistance ? Math.Max(x, ZeroNorm) : Signal(query);
        return new KeyOfScore(distance is CosineDistance or DotDistance ? 0 : x * x, scale, error / scale);
    }

    public override double Gap(int query, ScalarType type) => 2 * Error(query, type);

    public override double Distance(double key) => distance switch
    {
        EuclideanDistance or EuclideanClampedDistance => Math.Sqrt(key),
        CosineDistance => Math.Max(0, 1 + key),
        _ => key,
    };

    /// <summary>Refuses rows so short that their squares would be 0, so that all of them would be equally near.</summary>
    private void RequireSquares(double longest)
    {
        if (distance is CosineDistance or EuclideanClampedDistance) return;     // the one scales rows, the other ends at its least distance
        foreach (var rows in new[] { queryRows, galleryRows })
            for (var row = 0; row < rows.Count; row++)
                if (!rows.IsZero(row)) throw Guard.TooSmall(rows.Origin.Of(row).Features, rows.Origin.Of(row).Argument, longest);
    }

    /// <summary>What the squared distances of a query are divided by.</summary>
    private double Signal(int query) => signals is null ? 1 : signals[query];

    /// <summary>The squared lengths of the queries; 1 for a zero row.</summary>
    private double[] Signals()
    {
        var lengths = new double[queryRows.Count];
        for (var row = 0; row < lengths.Length; row++)
        {
            var isFlat = queryRows.IsZero(row);
            lengths[row] = isFlat ? 1 : queryRows.Dot(row, queryRows, row);
            var farthest = queryRows.Norms[row] + largestGalleryNorm;
            if (lengths[row] > 0 && double.IsFinite(farthest * farthest / lengths[row])) continue;
            var (argument, name, place) = queryRows.Origin.Of(row);
            throw new ArgumentException($"{name} must vary more: distances from row {place} would be infinite.", argument);
        }
        return lengths;
    }

    private double Error(int query, ScalarType type)
    {
        var clamped = distance is EuclideanClampedDistance ? EuclideanClampedDistance.Least : 0;        // what a key may be raised by
        if (Sieves(type)) return Sieve.Error(query) + clamped;
        var (x, y, n) = (queryRows.Norms[query], largestGalleryNorm, width);
        var (u, smallest) = (Unit(type), Math.ScaleB(1, type == ScalarType.Float32 ? -126 : -1022));
        var relative = Gamma(n, u);
        if (roundsInputs && type == ScalarType.Float32) relative += Math.ScaleB(1, -9) + Math.ScaleB(1, -20);       // TF32 keeps 10 bits
        var exact = 2 * Gamma(n + 16, Unit(ScalarType.Float64));
        return 1.01 * distance switch
        {
            CosineDistance => (relative + 3 * u + exact) * x + n * smallest * (4 + x) / ZeroNorm,
            DotDistance => (relative + exact) * x * y + n * smallest * (4 + x + y),
            _ => 2 * relative * x * y + 2 * u * (y * y + x * y) + exact * (x + y) * (x + y) + n * smallest * (8 + 2 * x + 2 * y) + clamped,
        };
    }

    private FixedPointSieve Sieve => sieve ??= new FixedPointSieve(distance, queryRows, galleryRows, Factor, Center(), split);

    private bool Packs(ScalarType type) => type == ScalarType.Float32 && Device.type == TorchSharp.DeviceType.CPU && TileProduct.IsFast
        && !TileProduct.MmIsFast;

    private bool Sieves(ScalarType type) => fixedPoint && type == ScalarType.Float32;

    private double Factor(double norm) => distance is CosineDistance ? 1 / Math.Max(norm, ZeroNorm) : 1;

    /// <summary>Approximately the mean of the gallery's rows, each multiplied by its factor.</summary>
    private double[] Center()
    {
        if (galleryRows.Count == 0) return new double[width];
        using var scope = NewDisposeScope();
        var weights = (factor ?? ones(galleryRows.Count, ScalarType.Float64)) / S(galleryRows.Count);
        return TensorMemory.Copy<double>(weights.to(gallery.dtype).unsqueeze(0).mm(gallery).to(ScalarType.Float64));
    }

    private static double Gamma(double n, double unit) => n * unit / (1 - n * unit);

    private static double Unit(ScalarType type) => type == ScalarType.Float32 ? 1.0 / (1 << 24) : 1.0 / (1L << 53);
}
