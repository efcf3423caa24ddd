namespace MetricLearning;

/// <summary>How a Euclidean distance follows from s = ‖x − y‖²: s itself, or <c>√max(s, floor)</c>.</summary>
/// <param name="Squared">Whether the distance is s itself.</param>
/// <param name="Floor">The smallest s whose root is computed. At s ≤ floor the gradient is 0, also for a floor of 0.</param>
internal readonly record struct EuclideanForm(bool Squared, double Floor = 0)
{
    /// <summary>The distance of two rows whose squared distance is s.</summary>
    public double Apply(double square) => Squared ? square : Math.Sqrt(Math.Max(square, Floor));

    /// <summary>The factor f of the gradient <c>∂d/∂x = f·(x − y)</c>.</summary>
    public double GradientFactor(double square) => Squared ? 2 : square <= Floor ? 0 : 1 / Math.Sqrt(square);
}
