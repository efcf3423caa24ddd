namespace MetricLearning;

/// <summary>
/// Defines an epoch of an <see cref="IdentitySampler"/>. Published recipes count their epochs in different units, so "120 epochs" may
/// differ by a factor of four in iterations. The default is <see cref="AllImages"/>.
/// </summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public readonly record struct IdentityEpoch
{
    private IdentityEpoch(IdentityPass pass, int? batches)
    {
        Pass = pass;
        BatchCount = batches;
    }

    /// <summary>
    /// The images of each identity are cut into groups of K at random, and each batch takes one group each of P identities, drawn from
    /// those that have a group left. The <c>n mod K</c> images that an identity has left over wait for another epoch (torchreid, Bag of
    /// Tricks, TransReID). The number of batches differs a little from epoch to epoch: see <see cref="Sampler.CountIn"/>.
    /// </summary>
    public static IdentityEpoch AllImages { get; } = new(IdentityPass.AllImages, null);

    /// <summary>Each identity once, with K of its images (open-reid).</summary>
    public static IdentityEpoch EachIdentityOnce { get; } = new(IdentityPass.EachIdentityOnce, null);

    /// <summary>A fixed number of batches, each a fresh draw of P identities from all (pytorch-metric-learning's M-per-class with a batch
    /// size). Some identities may not be drawn.</summary>
    /// <param name="batches">The number of batches, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is not positive.</exception>
    public static IdentityEpoch Independent(int batches) => new(IdentityPass.Independent, Guard.AtLeast(batches, 1));

    /// <summary>The same pass through the data, cut or repeated to exactly this many batches (as fast-reid counts). Each repetition is a
    /// fresh draw, and every batch is full whatever <see cref="LastBatch"/> says.</summary>
    /// <param name="batches">The number of batches, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is not positive.</exception>
    public IdentityEpoch WithBatches(int batches) => new(Pass, Guard.AtLeast(batches, 1));

    /// <summary>The fixed number of batches, or null if the data decide.</summary>
    public int? BatchCount { get; }

    internal IdentityPass Pass { get; }
}

/// <summary>How an <see cref="IdentitySampler"/> goes through the identities.</summary>
internal enum IdentityPass
{
    AllImages,
    EachIdentityOnce,
    Independent,
}
