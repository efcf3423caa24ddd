using System.Runtime.Intrinsics;

namespace MetricLearning.Tests;

public class ExponentialTests
{
    [Fact]
    public void Of_Floats_IsWithinTwoUlps()
    {
        for (var x = -87.3; x < 88.3; x += 0.000937)
        {
            var exact = Math.Exp((float)x);
            var actual = Exponential.Of(Vector256.Create((float)x)).ToScalar();
            var ulp = MathF.BitIncrement((float)exact) - (double)(float)exact;
            Assert.True(Math.Abs(actual - exact) <= 2 * ulp, $"{x}: {actual} is not {exact}");
        }
    }

    [Fact]
    public void Of_Doubles_IsWithinTwoUlps()
    {
        for (var x = -708.3; x < 709.3; x += 0.00737)
        {
            var exact = Math.Exp(x);
            var actual = Exponential.Of(Vector256.Create(x)).ToScalar();
            Assert.True(Math.Abs(actual - exact) <= 2 * (Math.BitIncrement(exact) - exact), $"{x}: {actual} is not {exact}");
        }
    }

    [Fact]
    public void Of_TheLowEnd_IsZero_AndOfZeroOne()
    {
        foreach (var (x, expected) in new[] { (double.NegativeInfinity, 0), (-1e30, 0), (-1000, 0), (0, 1), (-0.0, 1) })
        {
            Assert.Equal(expected, Exponential.Of(Vector256.Create(x)).ToScalar());
            Assert.Equal(expected, Exponential.Of(Vector256.Create((float)x)).ToScalar());
        }
    }
}
