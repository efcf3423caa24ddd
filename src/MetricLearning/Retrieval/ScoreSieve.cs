namespace MetricLearning;

/// <summary>The arithmetic by which clear pairs are told from near ties. The figures are the same to the bit: what the bound of either
/// leaves open is measured in float64.</summary>
public enum ScoreSieve
{
    /// <summary>16-bit integers where the processor has AVX2 and a short measurement, once a process, finds them faster; else
    /// float32.</summary>
    Automatic,

    /// <summary>One float32 matrix product a tile.</summary>
    Float32,

    /// <summary>Rows about their mean as 16-bit integers, whose sums are exact: twice the multiplications an instruction, a bound as tight
    /// as that of float32. Where the processor has no AVX2, or the features are not on the CPU, float32.</summary>
    Int16,
}
