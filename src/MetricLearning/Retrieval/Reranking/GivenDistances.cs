using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Distances of all queries and gallery images to one another from three given matrices: each row divided by its maximum, in the
/// type of the matrices.</summary>
internal sealed unsafe class GivenDistances : ScoreSource
{
    private readonly Tensor queryGallery, queryQuery, galleryGallery;
    private readonly nint mixed, first, second;
    private readonly bool squares, wide;
    private readonly double[] farthest;
    private Tensor? block;

    /// <param name="queryGallery">[Q, G].</param>
    /// <param name="queryQuery">[Q, Q].</param>
    /// <param name="galleryGallery">[G, G].</param>
    /// <param name="squares">Whether the distances are squared first.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, a distance or its square is not finite, or all distances of a row
    /// are negative.</exception>
    public GivenDistances(Tensor queryGallery, Tensor queryQuery, Tensor galleryGallery, bool squares)
    {
        Check(queryGallery, nameof(queryGallery), null, null);
        (Queries, Gallery) = ((int)queryGallery.size(0), (int)queryGallery.size(1));
        Check(queryQuery, nameof(queryQuery), Queries, Queries);
        Check(galleryGallery, nameof(galleryGallery), Gallery, Gallery);
        this.squares = squares;
        wide = queryGallery.dtype == ScalarType.Float64;
        this.queryGallery = queryGallery.detach().cpu().contiguous();
        this.queryQuery = queryQuery.detach().cpu().contiguous();
        this.galleryGallery = galleryGallery.detach().cpu().contiguous();
        (mixed, first, second) = ((nint)TensorMemory.Of(this.queryGallery), (nint)TensorMemory.Of(this.queryQuery),
            (nint)TensorMemory.Of(this.galleryGallery));
        farthest = new double[Count];
        const int step = 256;
        for (var row = 0; row < Count; row += step)
        {
            using var scope = NewDisposeScope();
            var maxima = Raw(row, Math.Min(step, Count - row)).amax(1).to(ScalarType.Float64);
            TensorMemory.Copy<double>(where(maxima == S(0), ones_like(maxima), maxima)).CopyTo(farthest, row);
        }
        var bad = Array.FindIndex(farthest, largest => !double.IsFinite(largest) || largest < 0);
        if (bad < 0) return;
        var place = bad < Queries ? $"query {bad}" : $"gallery row {bad - Queries}";
        throw new ArgumentException(farthest[bad] < 0
            ? $"The distances of {place} must not all be negative: they are divided by the largest of them."
            : $"The dialect {nameof(KReciprocalDialect.TorchReId)} squares distances, and the squares of those of {place} overflow in "
                + $"{CountingType}; give smaller distances.", nameof(queryGallery));

        void Check(Tensor matrix, string name, int? rows, int? columns)
        {
            Guard.Alive(matrix, name);
            var expected = rows is null ? "[Q, G]" : $"[{rows}, {columns}]";
            if (matrix.dim() != 2 || (rows is { } n && (matrix.size(0) != n || matrix.size(1) != columns)))
                throw new ArgumentException($"{name} must be {expected}, got {Guard.Shape(matrix)}.", name);
            if (matrix.dtype is not (ScalarType.Float32 or ScalarType.Float64) || matrix.dtype != queryGallery.dtype)
                throw new ArgumentException($"{name} must be float32 or float64, the same in all three, got {matrix.dtype}.", name);
            Guard.Finite(matrix, name);
        }
    }

    public int Queries { get; }
    public int Gallery { get; }
    public int Count => Queries + Gallery;
    public Tensor[] Held => [queryGallery, queryQuery, galleryGallery];

    public override ScalarType CountingType => wide ? ScalarType.Float64 : ScalarType.Float32;
    public override Device Device => CPU;
    public override bool WholeRows => true;
    public override long HeldBytes => Count * 8L;

    public override long TileBytes(int queries, int rows, ScalarType type) => 3L * (wide ? 8 : 4) * queries * rows;

    public override void Begin(int query, int queries, int rows, ScalarType type) => block = Divided(query, queries);

    public override Tensor Tile(int row, int rows) => block!.narrow(1, row, rows);

    public override double Key(int query, int row)
    {
        var value = (query < Queries, row < Queries) switch
        {
            (true, true) => At(first, (long)row * Queries + query),
            (true, false) => At(mixed, (long)query * Gallery + row - Queries),
            (false, true) => At(mixed, (long)row * Gallery + query - Queries),
            _ => At(second, (long)(row - Queries) * Gallery + query - Queries),
        };
        if (wide) return (squares ? value * value : value) / farthest[query];
        var single = (float)value;
        return (squares ? single * single : single) / (float)farthest[query];
    }

    /// <summary>float64 [count, G]: the distances of some queries to the gallery.</summary>
    public Tensor Block(int query, int count)
    {
        using var scope = NewDisposeScope();
        return Divided(query, count).narrow(1, Queries, Gallery).to(ScalarType.Float64).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Some rows, [rows, Q + G]; a new tensor.</summary>
    private Tensor Divided(int row, int rows) =>
        Raw(row, rows).div_(tensor(farthest.AsSpan(row, rows).ToArray()).to(CountingType).unsqueeze(1));

    private double At(nint matrix, long place) => wide ? ((double*)matrix)[place] : ((float*)matrix)[place];

    /// <summary>Some rows before they are divided; a new tensor.</summary>
    private Tensor Raw(int row, int rows)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        var asked = Math.Clamp(Queries - row, 0, rows);
        if (asked > 0) parts.Add(cat([queryQuery.narrow(1, row, asked).t(), queryGallery.narrow(0, row, asked)], 1));
        if (rows > asked)
        {
            var from = row + asked - Queries;
            parts.Add(cat([queryGallery.narrow(1, from, rows - asked).t(), galleryGallery.narrow(1, from, rows - asked).t()], 1));
        }
        var result = cat(parts);
        if (squares) result.mul_(result);
        return result.MoveToOuterDisposeScope();
    }
}
