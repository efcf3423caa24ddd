namespace MetricLearning;

/// <summary>The arithmetic that separates clear pairs from near ties. The figures are bit for bit the same, because pairs that the error
/// bound leaves undecided are measured in float64.</summary>
public enum ScoreSieve
{
    /// <summary>Uses 16-bit integers for large problems on processors with AMX. On other processors with AVX2, it uses them if a short
    /// measurement, made once in a process, finds them faster. Otherwise it uses float32. On the CPU it uses float64 if queries have 96
    /// matches or more on average, as with few classes.</summary>
    Automatic,

    /// <summary>One float32 matrix product for each tile. Features in float64, and rows longer than 1e18, use float64 instead.</summary>
    Float32,

    /// <summary>Subtracts the mean row and rounds the rows to 16-bit integers, whose sums are exact. This gives twice as many
    /// multiplications per instruction, with a bound as tight as that of float32. On processors with AMX, large problems with rows of 768
    /// to 65,535 numbers are computed from products of bytes, which are several times as fast. If the processor has no AVX2, or the
    /// features are not on the CPU, the rule of <see cref="Float32"/> holds.</summary>
    Int16,

    /// <summary>One float64 matrix product for each tile. Its bound leaves almost no pair undecided. This pays off if queries have many
    /// matches.</summary>
    Float64,
}
