namespace MetricLearning;

/// <summary>A margin that grows, or shrinks, with a <see cref="Curriculum"/>.</summary>
/// <remarks>
/// It sets the margin of a loss at once, after each step of the curriculum, and when a checkpoint restores the curriculum:
/// <c>m = from + (to − from) · progress</c>.
/// <code>
/// using var loss = new ArcFaceLoss(classes, dimension);
/// var margin = new ScheduledMargin(curriculum, 0.1, 0.5, value =&gt; loss.Margin = value);
/// </code>
/// <para>Thread safety: that of the curriculum.</para>
/// </remarks>
public sealed class ScheduledMargin
{
    private readonly Curriculum curriculum;

    /// <summary>Creates a margin that follows a curriculum.</summary>
    /// <param name="curriculum">The curriculum.</param>
    /// <param name="from">The margin at progress 0.</param>
    /// <param name="to">The margin at progress 1.</param>
    /// <param name="set">Sets the margin of the loss. It is called at once, first with <paramref name="to"/>, so that a margin that the
    /// loss refuses is refused now and not in the middle of training.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A margin is not finite, or the loss refuses one of them.</exception>
    public ScheduledMargin(Curriculum curriculum, double from, double to, Action<double> set)
    {
        ArgumentNullException.ThrowIfNull(curriculum);
        ArgumentNullException.ThrowIfNull(set);
        (this.curriculum, From, To) = (curriculum, Guard.Finite(from), Guard.Finite(to));
        set(To);
        curriculum.Follow(progress => set(At(progress)));
    }

    /// <summary>The margin at progress 0.</summary>
    public double From { get; }

    /// <summary>The margin at progress 1.</summary>
    public double To { get; }

    /// <summary>The margin now.</summary>
    public double Value => At(curriculum.Progress);

    private double At(double progress) => From + (To - From) * progress;
}
