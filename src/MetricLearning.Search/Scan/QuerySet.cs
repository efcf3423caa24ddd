using System.Globalization;
using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>Holds queries as float32 rows and as 16-bit integers around a center, with the numbers of each query that the error bound of
/// <see cref="Sieve"/> needs.</summary>
internal sealed unsafe class QuerySet
{
    private const double LargestInteger = short.MaxValue;

    /// <summary>A factor that covers the rounding errors of norms.</summary>
    private const double Slack = 1 + 1e-9;

    /// <summary>The number of queries that one thread reads before it takes the next ones.</summary>
    private const int QueriesAtOnce = 16;

    private readonly RowShape shape;
    private readonly float[] vectors;
    private readonly short[] codes;

    /// <param name="shape">How rows lie in memory.</param>
    /// <param name="center">c.</param>
    /// <param name="queries">The queries. They have the right width and are finite. None is all zeros if they are compared by
    /// angle.</param>
    /// <param name="threads">The largest number of threads.</param>
    /// <exception cref="ArgumentException">There are more queries than an array holds.</exception>
    public QuerySet(RowShape shape, Center center, IReadOnlyList<ReadOnlyMemory<float>> queries, int threads)
    {
        (this.shape, Count) = (shape, queries.Count);
        var most = Array.MaxLength / shape.Padded;
        if (Count > most) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"queries must be at most {most} vectors of {shape.Width} numbers in one call, got {Count}; search in several calls."),
            nameof(queries));
        vectors = PinnedMemory.Of<float>((long)Count * shape.Width);
        codes = PinnedMemory.Of<short>((long)Count * shape.Padded);
        (Squares, Numbers) = (new double[Count], new QueryNumbers[Count]);
        Threads.For((Count + QueriesAtOnce - 1) / QueriesAtOnce, threads,
            group => Read(queries, group * QueriesAtOnce, Math.Min(Count, (group + 1) * QueriesAtOnce), center));
    }

    /// <summary>The number of queries.</summary>
    public int Count { get; }

    /// <summary>The squares of the lengths of the queries.</summary>
    public double[] Squares { get; }

    public QueryNumbers[] Numbers { get; }

    /// <summary>The address of a query's float32 row, valid while the set is referred to.</summary>
    public float* Vector(int query) => PinnedMemory.Address(vectors) + (long)query * shape.Width;

    /// <summary>The address of a query's integers, valid while the set is referred to.</summary>
    public short* Codes(int query) => PinnedMemory.Address(codes) + (long)query * shape.Padded;

    /// <summary>Writes the integers of queries in strips of pairs, for <see cref="FixedPoint.Sums"/>; the last strip is filled up with
    /// zeros.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="strips">Memory for whole strips.</param>
    public void Write(int first, int count, int* strips)
    {
        var pairs = shape.Padded / 2;
        for (var start = 0; start < count; start += Sieve.Strip, strips += (long)Sieve.Strip * pairs)
            for (var i = 0; i < Sieve.Strip; i++)
                if (start + i < count)
                    Transpose.Write((int*)Codes(first + start + i), pairs, 1, pairs, strips + i, Sieve.Strip);
                else
                    for (var pair = 0; pair < pairs; pair++) strips[pair * Sieve.Strip + i] = 0;
    }

    /// <summary>Writes 8-bit integers of queries in strips, for <see cref="ByteProduct.Sums"/>; the last strip is filled up with
    /// zeros.</summary>
    /// <param name="first">The first query.</param>
    /// <param name="count">The number of queries.</param>
    /// <param name="strips">Memory for whole strips.</param>
    /// <returns>The numbers of the queries for these integers.</returns>
    public QueryNumbers[] WriteBytes(int first, int count, int* strips)
    {
        var numbers = new QueryNumbers[count];
        var bytes = new sbyte[shape.Padded];
        var length = ByteProduct.StripLength(shape.Padded);
        for (var i = 0; i < (count + Sieve.Strip - 1) / Sieve.Strip * Sieve.Strip; i++)
        {
            if (i < count) numbers[i] = Coarser(first + i, bytes);
            else Array.Clear(bytes);
            ByteProduct.Write(bytes, strips + (long)(i / Sieve.Strip) * length, i % Sieve.Strip);
        }
        return numbers;
    }

    /// <summary>Rounds the 16-bit integers j of a query to multiples of a factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private QueryNumbers Coarser(int query, sbyte[] bytes)
    {
        var words = Codes(query);
        var numbers = Numbers[query];
        var largest = 0;
        for (var i = 0; i < bytes.Length; i++) largest = Math.Max(largest, Math.Abs((int)words[i]));
        var factor = Math.Max(1, (double)largest / ByteProduct.LargestInteger);
        var inverse = 1 / factor;
        var rest = 0.0;
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (sbyte)Math.Round(words[i] * inverse);
            var difference = words[i] - bytes[i] * factor;
            rest += difference * difference;
        }
        return numbers with { Weight = numbers.Weight * factor, Drift = numbers.Drift + numbers.Weight * Math.Sqrt(rest) * Slack };
    }

    private void Read(IReadOnlyList<ReadOnlyMemory<float>> queries, int first, int end, Center center)
    {
        fixed (double* p = new double[shape.Padded], c = center.Values)
            for (var query = first; query < end; query++)
            {
                var vector = Vector(query);
                queries[query].Span.CopyTo(new Span<float>(vector, shape.Width));
                Squares[query] = shape.Square(vector);
                var norm = Math.Sqrt(Squares[query]);
                var factor = shape.Factor(norm);
                CenteredRow.Read(vector, shape.Width, shape.Padded, factor, c, p);
                Numbers[query] = Write(query, p, c, center.Norm, norm * factor);
            }
    }

    private QueryNumbers Write(int query, double* p, double* c, double centerNorm, double length)
    {
        var (square, largest) = (ExactScores.Dot(p, p, shape.Padded), 0.0);
        for (var i = 0; i < shape.Padded; i++) largest = Math.Max(largest, Math.Abs(p[i]));
        var norm = Math.Sqrt(square);
        // ‖j‖ is at most norm / scale plus the roundings to integers, √D / 2. So ‖i‖ ‖j‖ stays below 2³¹.
        var root = Math.Sqrt(shape.Padded);
        var scale = Math.Max(largest / LargestInteger, norm / (0.999 * int.MaxValue / (sbyte.MaxValue * root) - root / 2));
        var inverse = scale == 0 || !double.IsFinite(1 / scale) ? 0 : 1 / scale;
        var integers = Codes(query);
        var rest = 0.0;
        for (var i = 0; i < shape.Padded; i++)
        {
            integers[i] = (short)Math.Round(p[i] * inverse);
            var difference = p[i] - integers[i] * scale;
            rest += difference * difference;
        }
        var euclidean = shape.Metric == SearchMetric.Euclidean;
        var weight = euclidean ? 2 : 1;
        return new QueryNumbers(weight * scale, weight * norm * Slack, weight * Math.Sqrt(rest) * Slack,
            euclidean ? norm : length + centerNorm, euclidean ? -square : ExactScores.Dot(c, p, shape.Padded) + centerNorm * centerNorm);
    }
}

/// <summary>The numbers of a query that the bound of <see cref="Sieve"/> needs.</summary>
/// <param name="Weight">w t.</param>
/// <param name="Reach">At least w ‖p‖.</param>
/// <param name="Drift">At least w ‖d‖.</param>
/// <param name="Length">ℓ.</param>
/// <param name="Shift">B.</param>
internal readonly record struct QueryNumbers(double Weight, double Reach, double Drift, double Length, double Shift);
