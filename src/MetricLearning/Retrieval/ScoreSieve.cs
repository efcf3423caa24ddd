namespace MetricLearning;

/// <summary>The arithmetic that separates clear pairs from near ties. The figures are bit for bit the same, because pairs that the error
/// bound leaves undecided are measured in float64.</summary>
public enum ScoreSieve
{
    /// <summary>Uses 16-bit integers if the processor has AVX2 and a short measurement, made once in a process, finds them faster;
    /// otherwise float32. On the CPU it uses float64 if a query has 2,048 matches or more, as with few classes.</summary>
    Automatic,

    /// <summary>One float32 matrix product for each tile.</summary>
    Float32,

    /// <summary>Rows about their mean as 16-bit integers, whose sums are exact: twice as many multiplications per instruction, with a bound
    /// as tight as that of float32. If the processor has no AVX2, or the features are not on the CPU, float32 is used.</summary>
    Int16,

    /// <summary>One float64 matrix product for each tile. Its bound leaves next to no pair undecided, which pays where queries have
    /// thousands of matches.</summary>
    Float64,
}
