using System.Collections;

namespace MetricLearning;

/// <summary>
/// Which rows make a batch: a sequence of indices whose consecutive runs of <see cref="BatchSize"/> are the batches.
/// TorchSharp's <c>DataLoader</c> takes it as its shuffler as it is.
/// </summary>
/// <remarks>
/// An epoch is a pure function of the seed and the epoch's number, so the same batches come on every machine, and a run resumes in the
/// middle of an epoch from its <see cref="State"/>. Each enumeration gives what is left of the current epoch and moves on to the next.
/// </remarks>
public abstract class Sampler : IEnumerable<long>
{
    /// <summary>A sampler of batches of this size.</summary>
    protected Sampler(int batchSize, ulong seed)
    {
        BatchSize = Guard.AtLeast(batchSize, 1);
        Seed = seed;
    }

    /// <summary>How many rows make a batch.</summary>
    public int BatchSize { get; }

    /// <summary>The seed of all epochs.</summary>
    public ulong Seed { get; }

    /// <summary>What comes next: it moves as indices are handed out, and may be set to resume.</summary>
    public SamplerState State { get; set; }

    /// <summary>All indices of an epoch, batch after batch: a pure function of <see cref="Seed"/> and <paramref name="epoch"/>.</summary>
    public abstract long[] Draw(int epoch);

    /// <summary>How many indices the current epoch has, exactly.</summary>
    public virtual int Count => Draw(State.Epoch).Length;

    /// <summary>How many batches the current epoch has, a last smaller one included.</summary>
    public int BatchesPerEpoch => (Count + BatchSize - 1) / BatchSize;

    /// <summary>The rest of the current epoch.</summary>
    public IEnumerator<long> GetEnumerator()
    {
        var epoch = State.Epoch;
        var indices = Draw(epoch);
        for (var i = State.Position; i < indices.Length; i++)
        {
            State = i + 1 < indices.Length ? new SamplerState(epoch, i + 1) : new SamplerState(epoch + 1, 0);
            yield return indices[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
