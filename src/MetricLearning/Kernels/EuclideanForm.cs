namespace MetricLearning;

/// <summary>What a distance makes of ‖x − y‖²: the square itself, or √max(·, floor).</summary>
/// <param name="Squared">Whether it is the square.</param>
/// <param name="Floor">Squares below it count as it; their root has the gradient 0, as that of 0 has.</param>
internal readonly record struct EuclideanForm(bool Squared, double Floor = 0)
{
    /// <summary>The distance.</summary>
    public double Of(double square) => Squared ? square : Math.Sqrt(Math.Max(square, Floor));

    /// <summary>What x − y is multiplied with in the gradient.</summary>
    public double Slope(double square) => Squared ? 2 : square <= Floor ? 0 : 1 / Math.Sqrt(square);
}
