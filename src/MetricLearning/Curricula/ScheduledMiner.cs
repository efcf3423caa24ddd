using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Mines with one miner after the other as a <see cref="Curriculum"/> advances, for example random triplets first, then semi-hard
/// ones, then the hardest.</summary>
/// <remarks>
/// <code>
/// var miner = new ScheduledMiner(curriculum, (0, new RandomTripletsMiner(4)), (0.3, new SemiHardMiner()), (0.7, new BatchHardMiner()));
/// </code>
/// A miner that draws at random keeps its own count of calls (<see cref="SeededMiner.Calls"/>).
/// <para>Thread safety: that of the current miner.</para>
/// </remarks>
public sealed class ScheduledMiner : Miner
{
    private readonly Curriculum curriculum;

    /// <summary>Creates a miner that follows a curriculum.</summary>
    /// <param name="curriculum">The curriculum.</param>
    /// <param name="stages">The miners, each with the progress from which it mines: the first from 0, the others in ascending order up to 1
    /// at most. All have equal <see cref="Miner.Distance"/>s, or all have none. This miner gets the same distance.</param>
    /// <exception cref="ArgumentNullException">An argument or a miner is null.</exception>
    /// <exception cref="ArgumentException">There is no stage, the first does not begin at 0, the stages are not in order, one begins after
    /// 1, or their distances are not equal.</exception>
    public ScheduledMiner(Curriculum curriculum, params IReadOnlyList<(double From, Miner Miner)> stages)
    {
        ArgumentNullException.ThrowIfNull(curriculum);
        ArgumentNullException.ThrowIfNull(stages);
        if (stages.Count == 0) throw new ArgumentException("stages must hold at least one miner.", nameof(stages));
        foreach (var (_, miner) in stages) ArgumentNullException.ThrowIfNull(miner, nameof(stages));
        if (stages[0].From != 0 || !stages.Zip(stages.Skip(1)).All(pair => pair.First.From < pair.Second.From)
            || !(stages[^1].From <= 1))
            throw new ArgumentException("stages must begin at 0 and rise up to 1 at most, got "
                + $"{string.Join(", ", stages.Select(stage => stage.From.ToString("R", CultureInfo.InvariantCulture)))}.",
                nameof(stages));
        if (stages.Any(stage => !Equals(stage.Miner.Distance, stages[0].Miner.Distance)))
            throw new ArgumentException("stages must all use the same distance: give each miner the same Distance, or none.",
                nameof(stages));
        (this.curriculum, Stages) = (curriculum, [.. stages]);
        Distance = stages[0].Miner.Distance;
    }

    /// <summary>The miners, each with the progress from which it mines.</summary>
    public IReadOnlyList<(double From, Miner Miner)> Stages { get; }

    /// <summary>The current miner.</summary>
    public Miner Current => Stages.Last(stage => stage.From <= curriculum.Progress).Miner;

    /// <inheritdoc/>
    public override Tuples Mine(DistanceView distances) => Current.Mine(distances);

    /// <inheritdoc/>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) => Current.Mine(distances, candidates);
}
