using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Margins on angles, computed on cosines so that values and gradients are finite at cos θ = ±1 and a little beyond.</summary>
internal static class AngularMargin
{
    /// <summary>Computes cos(θ + m) for θ ≤ π − m. Beyond that it would rise again, so there it is cos θ − m·sin m.</summary>
    public static Tensor Add(Tensor cosine, double margin) => where(cosine > S(-Math.Cos(margin)),
        cosine * S(Math.Cos(margin)) - Sine(cosine) * S(Math.Sin(margin)),
        cosine - S(margin * Math.Sin(margin)));

    /// <summary>Computes (−1)ᵏ·cos(mθ) − 2k with k = ⌊mθ/π⌋. This is cos(mθ) on [0, π/m], and it continues to decrease beyond.</summary>
    public static Tensor Multiply(Tensor cosine, int margin)
    {
        var k = (cosine.detach().clamp(S(-1), S(1)).acos() * S(margin / Math.PI)).floor();
        var (last, multiple) = (ones_like(cosine), cosine);
        for (var i = 1; i < margin; i++) (last, multiple) = (multiple, S(2) * cosine * multiple - last);
        return (S(1) - S(2) * k.remainder(S(2))) * multiple - S(2) * k;
    }

    /// <summary>Computes the same from the product of two vectors. cos θ is the product divided by their lengths, and the result is
    /// multiplied by the lengths again.</summary>
    /// <param name="product">[N], a·b.</param>
    /// <param name="lengths">[N], ‖a‖‖b‖; if it is 0, so is the result.</param>
    /// <param name="margin">m.</param>
    public static Tensor MultiplyScaled(Tensor product, Tensor lengths, int margin)
    {
        var divisors = where(lengths == S(0), ones_like(lengths), lengths);
        return Multiply(product / divisors, margin) * lengths;
    }

    /// <summary>Computes √(1 − cos²); 0 with a gradient of 0 if rounding makes the number under the root 0 or less.</summary>
    private static Tensor Sine(Tensor cosine)
    {
        var square = (S(1) - cosine) * (cosine + S(1));
        var inside = square > S(0);
        return square.where(inside, ones_like(square)).sqrt().where(inside, zeros_like(square));
    }
}
