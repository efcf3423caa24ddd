using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A part of a training run whose state consists of a few numbers, and sometimes tensors. <see cref="TrainingCheckpoint"/> saves
/// and restores it.</summary>
/// <remarks>
/// Implement it in your own parts that a resumed run must restore. The checkpoint reads <see cref="SaveState"/> when it is saved.
/// When it is loaded, it calls <see cref="CheckState"/> for every part before it changes any, and then <see cref="LoadState"/>.
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public interface ITrainingState
{
    /// <summary>The tensors of the state. Loading writes into them, so types and shapes stay as they are. The part keeps them; nobody else
    /// disposes them. Default: none.</summary>
    IReadOnlyDictionary<string, Tensor> StateTensors => System.Collections.Immutable.ImmutableDictionary<string, Tensor>.Empty;

    /// <summary>The numbers of the state, by name.</summary>
    /// <exception cref="InvalidOperationException">The part is at a moment that cannot be saved; the message says why.</exception>
    IReadOnlyDictionary<string, double> SaveState();

    /// <summary>Refuses numbers that <see cref="SaveState"/> of such a part cannot return, and numbers of a part with other settings,
    /// because a run would not continue as before with them. It changes nothing.</summary>
    /// <param name="state">The numbers of a checkpoint.</param>
    /// <exception cref="ArgumentException">A number is missing or impossible, or a setting was another. The message is the end of the
    /// checkpoint's message.</exception>
    /// <exception cref="InvalidOperationException">The part is at a moment at which no state can be loaded; the message says
    /// why.</exception>
    void CheckState(IReadOnlyDictionary<string, double> state);

    /// <summary>Takes over numbers that <see cref="CheckState"/> accepts. The tensors have been written before.</summary>
    /// <param name="state">The numbers of a checkpoint.</param>
    /// <exception cref="ArgumentException">A number is missing or impossible.</exception>
    void LoadState(IReadOnlyDictionary<string, double> state);
}
