namespace MetricLearning.Vision;

/// <summary>Draws random numbers from the distributions that mixing needs.</summary>
internal static class RandomDistributions
{
    /// <summary>Draws from the gamma distribution of shape <paramref name="shape"/> and scale 1: Marsaglia and Tsang, ACM TOMS
    /// 2000.</summary>
    public static double Gamma(SeededRandom random, double shape)
    {
        if (shape < 1) return Gamma(random, shape + 1) * Math.Pow(1 - random.NextDouble(), 1 / shape);
        var d = shape - 1.0 / 3;
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = random.NextGaussian();
            var v = Math.Pow(1 + c * x, 3);
            if (v > 0 && Math.Log(1 - random.NextDouble()) < 0.5 * x * x + d - d * v + d * Math.Log(v)) return d * v;
        }
    }

    /// <summary>Draws from the beta distribution whose two parameters are both <paramref name="alpha"/>.</summary>
    public static double Beta(SeededRandom random, double alpha)
    {
        Span<double> pair = stackalloc double[2];
        Dirichlet(random, alpha, pair);
        return pair[0];
    }

    /// <summary>Draws weights that add up to 1, from the symmetric Dirichlet distribution.</summary>
    public static void Dirichlet(SeededRandom random, double alpha, Span<double> weights)
    {
        var sum = 0.0;
        foreach (ref var weight in weights) sum += weight = Gamma(random, alpha);
        // With a tiny alpha all draws may underflow to 0. The limit of the distribution is then one weight of 1.
        if (sum == 0) weights[random.NextInt(weights.Length)] = sum = 1;
        foreach (ref var weight in weights) weight /= sum;
    }
}
