namespace MetricLearning.Search;

/// <summary>The rows of one chunk as 8-bit integers about a center, with what the error bound of <see cref="Sieve"/> needs of each
/// row.</summary>
/// <remarks>A writer fills rows that no reader's snapshot counts yet. Rows that are counted never change.</remarks>
internal sealed unsafe class SieveChunk
{
    private readonly RowShape shape;
    private readonly sbyte[] codes;
    private double largestNorm, largestLength;

    /// <param name="shape">How rows lie in memory.</param>
    public SieveChunk(RowShape shape)
    {
        this.shape = shape;
        codes = PinnedMemory.Of<sbyte>((long)shape.ChunkRows * shape.Padded);
        (Scales, Residuals, Offsets) = (new float[shape.ChunkRows], new float[shape.ChunkRows], new double[shape.ChunkRows]);
    }

    /// <summary>s of each row.</summary>
    public float[] Scales { get; }

    /// <summary>At least <c>‖e‖</c> of each row.</summary>
    public float[] Residuals { get; }

    /// <summary>A of each row.</summary>
    public double[] Offsets { get; }

    /// <summary>At least <c>‖s i‖</c> of every row.</summary>
    public double LargestNorm => Volatile.Read(ref largestNorm);

    /// <summary>At least the length ℓ of every row.</summary>
    public double LargestLength => Volatile.Read(ref largestLength);

    /// <summary>The address of the integers of a row, valid while the chunk is referred to.</summary>
    public sbyte* Row(int row) => PinnedMemory.Address(codes) + (long)row * shape.Padded;

    /// <summary>Writes rows that are not counted yet.</summary>
    /// <param name="vectors">The same chunk's float32 rows.</param>
    /// <param name="center">c.</param>
    /// <param name="first">The first row.</param>
    /// <param name="end">The row after the last.</param>
    public void Write(VectorChunk vectors, Center center, int first, int end)
    {
        var (norm, length) = (largestNorm, largestLength);
        fixed (double* z = Scratch.Doubles(shape.Padded), c = center.Values)
            for (var row = first; row < end; row++)
            {
                var factor = shape.Factor(vectors.Norms[row]);
                CenteredRow.Read(vectors.Row(row), shape.Width, shape.Padded, factor, c, z);
                var integers = ByteRow.Write(z, shape.Padded, Row(row));
                (Scales[row], Residuals[row]) = (integers.Scale, integers.Residual);
                var euclidean = shape.Metric == SearchMetric.Euclidean;
                Offsets[row] = euclidean ? -ExactScores.Dot(z, z, shape.Padded) : ExactScores.Dot(c, z, shape.Padded);
                norm = Math.Max(norm, integers.Norm + integers.Residual);
                length = Math.Max(length, euclidean ? integers.Norm : vectors.Norms[row] * factor + center.Norm);
            }
        Volatile.Write(ref largestNorm, norm);
        Volatile.Write(ref largestLength, length);
    }
}
