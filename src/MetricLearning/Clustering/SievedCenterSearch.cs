using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the nearest centers on the CPU: a float32 scan with an error bound drops nearly all centers, and float64 decides among
/// the rest.</summary>
/// <remarks>
/// The answer is bit for bit that of comparing the float64 sums of squared differences of all centers. Of equally near centers, the one
/// with the lowest number is taken. A later call compares a row whose center has not moved with the moved centers only. Rows and centers
/// are scaled by a power of 2 to at most 1 before they are rounded to float32. With u = 2⁻²⁴, half a squared distance without ½‖x‖² is
/// <c>½‖c‖² − x·c</c>, and its float32 error is less than <c>u((D + 16)‖x‖‖c‖ + 4‖c‖²)</c>, apart from underflow.
/// </remarks>
internal sealed unsafe class SievedCenterSearch : CenterSearch
{
    /// <summary>Rows that one thread compares with all centers at a time.</summary>
    private const int TileRows = 8 * TileProduct.Left;

    private const int RowsPerTask = 1 << 10;
    private const double Rounding = 1.0 / (1 << 24);

    /// <summary>The largest width for which D·u closely bounds the rounding error of a sum.</summary>
    private const long WidestRow = 1 << 16;

    /// <summary>Squares of numbers in this range, and sums of them, neither overflow nor lose digits in float64.</summary>
    private const double LeastNumber = 1e-120, LargestNumber = 1e120;

    private readonly int count, width;
    private readonly double scale;
    private readonly Tensor single;
    private readonly float[] lengths;       // of the scaled rows, rounded up
    private readonly int[] assigned;
    private readonly double[] squared;
    private double[]? before;               // the centers of the last call

    /// <summary>Prepares a search. Its tensors belong to the current dispose scope.</summary>
    /// <param name="rows">float64 [N, D], contiguous, which <see cref="Supports"/> holds for.</param>
    public SievedCenterSearch(Tensor rows) : base(rows)
    {
        (count, width) = ((int)rows.size(0), (int)rows.size(1));
        scale = Scale(rows);
        single = (rows * S(scale)).to(ScalarType.Float32);
        (lengths, assigned, squared) = (new float[count], new int[count], new double[count]);
        var from = (nint)TensorMemory.Of(rows);
        Threads.ForRows(count, width, i => lengths[i] = Length((double*)from + i * width));
    }

    /// <summary>Whether the rows are on the CPU, their width and their numbers are in the range in which the error bound holds, and arrays
    /// can hold the centers and the products of a tile with them.</summary>
    /// <param name="rows">float64 [N, D].</param>
    /// <param name="clusters">The number of centers.</param>
    public static bool Supports(Tensor rows, int clusters = 1)
    {
        if (rows.device_type != TorchSharp.DeviceType.CPU || rows.size(0) > int.MaxValue - RowsPerTask || rows.size(1) > WidestRow)
            return false;
        var whole = (long)clusters + TileProduct.Right;     // with the padding of the last panel
        if (whole * rows.size(1) > Array.MaxLength || TileRows * (2 * rows.size(1) + whole) > Array.MaxLength) return false;
        using var scope = NewDisposeScope();
        return rows.numel() > 0 && rows.abs().max().item<double>() is 0 or (>= LeastNumber and <= LargestNumber);
    }

    /// <inheritdoc/>
    public override void Add(long center, double[] nearest)
    {
        var (exact, rounded) = ((nint)TensorMemory.Of(Rows), (nint)TensorMemory.Of(single));
        Threads.For((count + RowsPerTask - 1) / RowsPerTask, task =>
        {
            double* x = (double*)exact, c = x + center * width;
            float* y = (float*)rounded, near = y + center * width;
            for (var i = task * RowsPerTask; i < Math.Min(count, (task + 1) * RowsPerTask); i++)
            {
                // This subtracts the most that rounding to float32 can add to the distance and to its square.
                var distance = Math.Sqrt(SquaredDifference(y + (long)i * width, near, width) * (1 - (width + 8) * Rounding))
                    - 2 * Rounding * ((double)lengths[i] + lengths[center]) - 1e-16;
                if (distance > 0 && distance * distance * (1 - 1e-9) > nearest[i] * scale * scale) continue;
                nearest[i] = Math.Min(nearest[i], SimdRows.SquaredDistance(x + (long)i * width, c, width));
            }
        });
    }

    /// <inheritdoc/>
    public override (int[] Assigned, double[] Squared) Assign(Tensor centers)
    {
        using var contiguous = centers.contiguous();
        var now = new ReadOnlySpan<double>(TensorMemory.Of(contiguous), checked((int)contiguous.numel())).ToArray();
        fixed (double* places = now)
        {
            int[] all = [.. Enumerable.Range(0, (int)centers.size(0))];
            var moved = before is null ? all : Array.FindAll(all, c =>
                !now.AsSpan(c * width, width).SequenceEqual(before.AsSpan(c * width, width)));
            var hasMoved = new bool[all.Length];
            foreach (var c in moved) hasMoved[c] = true;
            var rows = Enumerable.Range(0, count).ToLookup(i => before is null || hasMoved[assigned[i]]);
            Compare([.. rows[true]], all, places, fresh: true);
            if (moved.Length > 0) Compare([.. rows[false]], moved, places, fresh: false);
        }
        before = now;
        return ([.. assigned], [.. squared]);
    }

    /// <summary>Compares rows with centers.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="among">The centers, in ascending order.</param>
    /// <param name="centers">All centers.</param>
    /// <param name="fresh">If true, the nearest of these centers becomes the answer. If false, it replaces the earlier answer only if it is
    /// nearer.</param>
    private void Compare(int[] rows, int[] among, double* centers, bool fresh)
    {
        using var scope = NewDisposeScope();
        var packed = new PackedCenters(among, centers, width, scale);
        fixed (float* panels = packed.Panels, halves = packed.HalfSquares, norms = packed.Lengths, zeros = new float[width])
        {
            var (right, square, length, none) = ((nint)panels, (nint)halves, (nint)norms, (nint)zeros);
            var (exact, rounded, all) = ((nint)TensorMemory.Of(Rows), (nint)TensorMemory.Of(single), (nint)centers);
            Threads.For((rows.Length + TileRows - 1) / TileRows, tile =>
            {
                var part = rows.AsSpan(tile * TileRows, Math.Min(TileRows, rows.Length - tile * TileRows));
                fixed (float* memory = Scratch.Floats(TileRows * (2 * width + packed.Stride)))
                {
                    float* gathered = memory, left = gathered + TileRows * width, products = left + TileRows * width;
                    for (var i = 0; i < part.Length; i++)
                        new ReadOnlySpan<float>((float*)rounded + (long)part[i] * width, width).CopyTo(new(gathered + i * width, width));
                    TileProduct.Pack(gathered, part.Length, width, (float*)none, TileProduct.Left, left);
                    TileProduct.Multiply(left, (float*)right, part.Length, packed.Stride, width, products, packed.Stride);
                    for (var i = 0; i < part.Length; i++)
                        Choose(part[i], products + i * packed.Stride, (float*)square, (float*)length, packed, (double*)exact, (double*)all,
                            fresh);
                }
            });
        }
    }

    /// <summary>Chooses the nearest center of a row by its products with the centers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Choose(int row, float* products, float* halfSquares, float* norms, PackedCenters packed, double* exact, double* centers,
        bool fresh)
    {
        // Half a squared distance is ½‖c‖² − x·c + ½‖x‖². Its error is below reach·‖c‖ + 4u‖c‖² + least.
        var reach = Vector256.Create((float)((width + 16) * Rounding * lengths[row]));
        var ofSquares = Vector256.Create((float)(8 * Rounding));
        var sure = Vector256.Create(float.PositiveInfinity);
        for (var j = 0; j < packed.Stride; j += Vector256<float>.Count)
        {
            var (half, slack) = Bounds(products, halfSquares, norms, j, reach, ofSquares);
            sure = Vector256.Min(sure, half + slack);
        }
        // float64 decides among all centers that may be nearest. Its own error is less than 10⁻⁹ of that of float32.
        var largest = packed.Longest + lengths[row];
        var limit = Vector256.Create((float)(Least(sure) + 1e-30 + (width + 8) * Math.ScaleB(1, -50) * largest * largest));
        var x = exact + (long)row * width;
        var (best, place) = fresh ? (double.PositiveInfinity, -1) : (squared[row], assigned[row]);
        for (var j = 0; j < packed.Stride; j += Vector256<float>.Count)
        {
            var (half, slack) = Bounds(products, halfSquares, norms, j, reach, ofSquares);
            var open = Vector256.LessThanOrEqual(half - slack, limit).ExtractMostSignificantBits();
            for (; open != 0; open &= open - 1)
            {
                var center = packed.Among[j + BitOperations.TrailingZeroCount(open)];
                var square = SimdRows.SquaredDistance(x, centers + (long)center * width, width);
                if (square < best || (square == best && center < place)) (best, place) = (square, center);
            }
        }
        (squared[row], assigned[row]) = (best, place);
    }

    /// <summary>Half squared distances without ½‖x‖², and how wrong each may be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Half, Vector256<float> Slack) Bounds(float* products, float* halfSquares, float* norms, int j,
        Vector256<float> reach, Vector256<float> ofSquares)
    {
        var square = Vector256.Load(halfSquares + j);
        return (square - Vector256.Load(products + j), reach * Vector256.Load(norms + j) + ofSquares * square);
    }

    private static float Least(Vector256<float> x)
    {
        var least = x.GetElement(0);
        for (var k = 1; k < Vector256<float>.Count; k++) least = Math.Min(least, x.GetElement(k));
        return least;
    }

    /// <summary>The squared distance of two rows, in float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SquaredDifference(float* x, float* y, int width)
    {
        Vector256<float> even = default, odd = default;
        var k = 0;
        for (; k <= width - 2 * Vector256<float>.Count; k += 2 * Vector256<float>.Count)
        {
            var (first, second) = (Vector256.Load(x + k) - Vector256.Load(y + k), Vector256.Load(x + k + 8) - Vector256.Load(y + k + 8));
            even += first * first;
            odd += second * second;
        }
        for (; k < width; k += Vector256<float>.Count)
        {
            var rest = SimdRows.Load(x, k, width) - SimdRows.Load(y, k, width);
            even += rest * rest;
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>A power of 2 that brings the largest number into [½, 1).</summary>
    private static double Scale(Tensor rows)
    {
        using var scope = NewDisposeScope();
        var largest = rows.abs().max().item<double>();
        return largest == 0 ? 1 : Math.ScaleB(1, -Math.ILogB(largest) - 1);
    }

    private float Length(double* row) => PackedCenters.RoundedUp(Math.Sqrt(SimdRows.Dot(row, row, width)) * scale);
}
