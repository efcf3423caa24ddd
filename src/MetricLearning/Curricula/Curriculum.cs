using System.Globalization;

namespace MetricLearning;

/// <summary>The progress of training from easy to hard: a number from 0 to 1 that <see cref="ScheduledMiner"/>,
/// <see cref="EasyToHardMiner"/> and <see cref="ScheduledMargin"/> follow.</summary>
/// <remarks>
/// A curriculum shows a network easy examples before hard ones. Triplets that are too hard at first can make a network collapse, and
/// triplets that stay easy teach nothing. The progress follows the length of training (<see cref="Over"/>), or what the network has learned
/// (<see cref="ByActiveFraction"/>): when few triplets still have a loss above 0, the next ones may be harder.
/// <code>
/// var curriculum = Curriculum.Over(TrainingSpan.Epochs(60), iterationsPerEpoch: sampler.BatchesPerEpoch);
/// using var loss = new TripletLoss { Miner = new EasyToHardMiner(curriculum) { SkippedShare = 0.05 } };
/// checkpoint.Add("curriculum", curriculum);
/// ...
/// optimizer.SafeStep();
/// curriculum.Step();
/// </code>
/// <para>Thread safety: one thread at a time may call <see cref="Step()"/>, while no other thread computes a loss that follows the
/// curriculum.</para>
/// </remarks>
public sealed class Curriculum : ITrainingState
{
    private const double Rounding = 1e-12;
    private readonly double start, length, threshold, stride;
    private readonly int window;
    private readonly List<Action<double>> followers = [];
    private long iteration, counted;
    private double sum, progress;

    private Curriculum(double start, double length, double threshold, double stride, int window) =>
        (this.start, this.length, this.threshold, this.stride, this.window) = (start, length, threshold, stride, window);

    /// <summary>Creates a curriculum over a length of training. The progress is 0 until <paramref name="start"/>, and then grows linearly
    /// to 1 at <paramref name="end"/>.</summary>
    /// <param name="end">When it ends, counted from the start of training.</param>
    /// <param name="start">When it begins. Default: at once.</param>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch; needed if a length is in epochs, null otherwise (the
    /// default). It is <see cref="Sampler.BatchesPerEpoch"/>.</param>
    /// <exception cref="ArgumentException">Start and end differ in unit, the end is not after the start, or a length is in epochs and the
    /// iterations of an epoch are not given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The iterations of an epoch are not positive.</exception>
    public static Curriculum Over(TrainingSpan end, TrainingSpan? start = null, int? iterationsPerEpoch = null)
    {
        var first = start ?? (end.InEpochs ? TrainingSpan.Epochs(0) : TrainingSpan.Iterations(0));
        if (first.InEpochs != end.InEpochs || first.Amount >= end.Amount)
            throw new ArgumentException(
                $"end must come after start and be in the same unit, got a start after {first} and an end after {end}.", nameof(end));
        if (iterationsPerEpoch is { } given) Guard.AtLeast(given, 1, nameof(iterationsPerEpoch));
        else if (end.InEpochs)
            throw new ArgumentException("iterationsPerEpoch must be given if a length is in epochs.", nameof(iterationsPerEpoch));
        var from = first.ToIterations(iterationsPerEpoch ?? 1);
        return new Curriculum(from, end.ToIterations(iterationsPerEpoch ?? 1) - from, 0, 0, 0);
    }

    /// <summary>Creates a curriculum that follows what the network has learned: whenever the mean active fraction of
    /// <paramref name="window"/> steps is below <paramref name="below"/>, the progress grows by <paramref name="stride"/>, and a new window
    /// begins.</summary>
    /// <param name="below">The active fraction (<see cref="LossReport.ActiveFraction"/>) below which the curriculum advances, in [0, 1].
    /// Default: 0.5.</param>
    /// <param name="stride">The growth of the progress per window, above 0 and at most 1. Default: 0.1.</param>
    /// <param name="window">The number of steps that are averaged, at least 1. Default: 100.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public static Curriculum ByActiveFraction(double below = 0.5, double stride = 0.1, int window = 100)
    {
        Guard.Positive(stride);
        return new Curriculum(0, 0, Guard.Within(below, 0, 1), Guard.Within(stride, 0, 1), Guard.AtLeast(window, 1));
    }

    /// <summary>The progress, in [0, 1].</summary>
    public double Progress => FollowsLoss ? progress : Math.Clamp((iteration - start) / length, 0, 1);

    /// <summary>Whether the active fraction of a loss drives this curriculum.</summary>
    public bool FollowsLoss => window > 0;

    /// <summary>The number of iterations that are done.</summary>
    public long Iteration => iteration;

    /// <summary>Counts an iteration as done, and tells each <see cref="ScheduledMargin"/>. If a margin is refused, the step is not
    /// counted.</summary>
    /// <exception cref="InvalidOperationException">The active fraction drives this curriculum: give it to
    /// <see cref="Step(double)"/>.</exception>
    public void Step()
    {
        if (FollowsLoss) throw new InvalidOperationException("The active fraction drives this curriculum: call Step(activeFraction).");
        Become(Now with { Iteration = iteration + 1 });
    }

    /// <summary>Counts an iteration as done, and passes the active fraction of its loss.</summary>
    /// <param name="activeFraction">The share of the terms of the loss that were not 0, in [0, 1]
    /// (<see cref="LossReport.ActiveFraction"/>). A curriculum over a length of training does not use it.</param>
    /// <exception cref="ArgumentOutOfRangeException">The fraction is not in [0, 1].</exception>
    public void Step(double activeFraction)
    {
        Guard.Within(activeFraction, 0, 1);
        var next = Now with { Iteration = iteration + 1 };
        if (FollowsLoss)
        {
            next = next with { Sum = sum + activeFraction, Counted = counted + 1 };
            if (next.Counted == window)
                next = next with { Progress = next.Sum / window < threshold ? Advanced() : progress, Sum = 0, Counted = 0 };
        }
        Become(next);
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double> SaveState() => new Dictionary<string, double>(Settings)
    {
        ["iteration"] = iteration,
        ["progress"] = progress,
        ["sum"] = sum,
        ["counted"] = counted,
    };

    /// <inheritdoc/>
    /// <remarks>It also refuses the state of another kind of curriculum, or of one with other settings.</remarks>
    public void CheckState(IReadOnlyDictionary<string, double> state) => Read(state);

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double> state) => Become(Read(state));

    private Dictionary<string, double> Settings => new()
    {
        ["FollowsLoss"] = FollowsLoss ? 1 : 0,
        ["start in iterations"] = start,
        ["end in iterations"] = start + length,
        ["below"] = threshold,
        ["stride"] = stride,
        ["window"] = window,
    };

    /// <summary>Calls an action with the progress now and after each change.</summary>
    internal void Follow(Action<double> follower)
    {
        follower(Progress);
        followers.Add(follower);
    }

    /// <summary>The progress after one more stride. It is a multiple of the stride, so that rounding errors do not add up: ten strides of
    /// 0.1 are 1.</summary>
    private double Advanced()
    {
        var next = (Math.Round(progress / stride) + 1) * stride;
        return next < 1 - Rounding ? next : 1;
    }

    private Numbers Now => new(iteration, progress, sum, counted);

    /// <summary>Takes a state over and tells the followers. If one of them throws, the state is the old one again, and those that were told
    /// are told the old progress.</summary>
    private void Become(Numbers next)
    {
        var before = Now;
        (iteration, progress, sum, counted) = next;
        var told = 0;
        try
        {
            for (; told < followers.Count; told++) followers[told](Progress);
        }
        catch
        {
            (iteration, progress, sum, counted) = before;
            foreach (var follower in followers.Take(told)) follower(Progress);
            throw;
        }
    }

    private Numbers Read(IReadOnlyDictionary<string, double> state)
    {
        state.CheckSettings(Settings);
        var (counted, sum) = (state.Count("counted"), state.Number("sum"));
        // A full window is empty again, so its count is never saved.
        return counted < Math.Max(window, 1) && sum >= 0 && sum <= counted
            ? new(state.Count("iteration"), state.Share("progress"), sum, counted)
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"a sum of {sum} over {counted} of {window} steps is not possible."), nameof(state));
    }

    private readonly record struct Numbers(long Iteration, double Progress, double Sum, long Counted);
}
