namespace MetricLearning;

/// <summary>The function f(R) that <see cref="PnpLoss"/> applies to R, the number of negatives before a positive.</summary>
public enum PnpVariant
{
    /// <summary>R.</summary>
    O,

    /// <summary><c>log(1 + R)</c>: gradients that fall with R, slowly.</summary>
    Ds,

    /// <summary><c>1 − (1 + R)^−α</c>: gradients that fall with R, quickly.</summary>
    Dq,

    /// <summary><c>(1 + R) · log(1 + R)</c>: gradients that grow with R without a bound.</summary>
    Iu,

    /// <summary><c>(bR − log(1 + bR)) / b²</c>: gradients that grow with R up to a bound.</summary>
    Ib,
}
