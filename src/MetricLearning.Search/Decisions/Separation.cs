namespace MetricLearning.Search;

/// <summary>Says how well scores separate same pairs from different ones.</summary>
internal static class Separation
{
    /// <summary>The largest share of <see cref="NearerShare"/> that cannot come from useless scores alone.</summary>
    private const double Reversed = 0.4;

    /// <summary>The number of standard errors that the share must be below a half.</summary>
    private const double Errors = 4;

    /// <summary>Whether different pairs are nearer than same ones, by more than chance. Useless scores give a share of a half, and pairs of
    /// few identities scatter about it more than independent ones, so a share between the two is not called reversed.</summary>
    /// <param name="same">The nearness of the same pairs, at least one.</param>
    /// <param name="different">The nearness of the different pairs, at least one.</param>
    public static bool IsReversed(double[] same, double[] different)
    {
        var error = Math.Sqrt((same.Length + different.Length + 1.0) / (12.0 * same.Length * different.Length));
        return NearerShare(same, different) < Math.Min(Reversed, 0.5 - Errors * error);
    }

    /// <summary>The share of all combinations of a same and a different pair in which the same one is nearer; equal ones count half (Mann
    /// and Whitney 1947).</summary>
    public static double NearerShare(double[] same, double[] different)
    {
        double[] near = [.. same.Order()], far = [.. different.Order()];
        var (nearer, below, upTo) = (0.0, 0, 0);
        foreach (var value in near)
        {
            while (below < far.Length && far[below] < value) below++;
            while (upTo < far.Length && far[upTo] <= value) upTo++;
            nearer += below + (upTo - below) / 2.0;
        }
        return nearer / ((double)near.Length * far.Length);
    }
}
