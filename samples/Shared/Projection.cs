using MathNet.Numerics.LinearAlgebra;

namespace MetricLearning.Samples;

/// <summary>Principal component analysis: the plane of the largest variance.</summary>
internal static class Projection
{
    /// <summary>Computes the coordinates of each row of <c>[N, D]</c> along the two directions of largest variance.</summary>
    /// <remarks>It uses the N × N products of the centered rows, because there are usually fewer points than dimensions. With eigenvector u
    /// and eigenvalue λ, the coordinates are u √λ. The sign is chosen so that the coordinate of largest size is positive.</remarks>
    public static (double X, double Y)[] Plane(double[,] rows)
    {
        var x = Matrix<double>.Build.DenseOfArray(rows);
        if (x.RowCount == 0) return [];
        var mean = x.ColumnSums() / x.RowCount;
        var centered = Matrix<double>.Build.Dense(x.RowCount, x.ColumnCount, (i, j) => x[i, j] - mean[j]);
        var eigen = centered.TransposeAndMultiply(centered).Evd(Symmetricity.Symmetric);
        var first = Component(x.RowCount - 1);
        var second = x.RowCount > 1 ? Component(x.RowCount - 2) : new double[1];
        return [.. first.Zip(second)];

        // The eigenvalues are in ascending order.
        double[] Component(int index)
        {
            var length = Math.Sqrt(Math.Max(0, eigen.EigenValues[index].Real));
            var u = eigen.EigenVectors.Column(index);
            var sign = u[u.AbsoluteMaximumIndex()] < 0 ? -1 : 1;
            return [.. u.Select(v => sign * length * v)];
        }
    }
}
