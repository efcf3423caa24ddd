using System.Globalization;

namespace MetricLearning;

/// <summary>Draws P×K batches (K images of each of P identities) from several domains, such as cameras or datasets, at once. Every batch
/// has a given number of identities of each domain.</summary>
/// <remarks>
/// Each batch is a fresh draw. The identities within a domain's share of a batch differ, and an identity is drawn in proportion to its
/// number of images in that domain. The K images of an identity may come from any domain, and they differ if the identity has at least K.
/// This is the intention of fast-reid's SetReWeightSampler. In its code, however, the same identity may be drawn twice, an identity with
/// exactly K images is drawn with replacement, the rows are shuffled within a batch, and the check of the batch size refuses every batch.
/// </remarks>
public sealed class DomainIdentitySampler : Sampler
{
    private readonly int[] starts;              // the images of identity i are rows[starts[i]..starts[i + 1]]
    private readonly int[] rows;
    private readonly DomainShare[] shares;
    private readonly int batches;

    /// <summary>Creates a sampler over images with these identities and domains.</summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="domains">The domain of each image, any numbers.</param>
    /// <param name="identitiesPerDomain">How many identities of each domain a batch of all processes together holds, each at least 1. No
    /// identities are drawn for domains that are not named.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="batchesPerEpoch">The number of batches of an epoch, at least 1. Default: images / batch size, at least 1.</param>
    /// <param name="shard">The share of one process among several: whole identities. Default: one process that takes the whole
    /// batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException">A collection is null.</exception>
    /// <exception cref="ArgumentException">The lengths differ, no domain is named, a domain has fewer identities than a batch needs from
    /// it, a batch or an epoch is larger than an array can be, or the identities cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public DomainIdentitySampler(IReadOnlyList<long> labels, IReadOnlyList<long> domains,
        IReadOnlyDictionary<long, int> identitiesPerDomain, int imagesPerIdentity = 4, int? batchesPerEpoch = null,
        SamplerShard shard = default, ulong seed = 0)
        : base(SamplerSize.Product("a batch", nameof(imagesPerIdentity), Identities(identitiesPerDomain),
            Guard.AtLeast(imagesPerIdentity, 1)), seed, shard, imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(domains);
        if (domains.Count != labels.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"domains must have one entry per image, {labels.Count}, got {domains.Count}."), nameof(domains));
        ImagesPerIdentity = imagesPerIdentity;
        (starts, rows, _) = Groups.Of(labels, minimum: 1);
        shares = Shares(domains, identitiesPerDomain);
        batches = SamplerSize.Batches(batchesPerEpoch, labels.Count, WholeBatchSize);
    }

    /// <summary>K: the number of images of each identity of a batch.</summary>
    public int ImagesPerIdentity { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        var drawn = new long[batches * WholeBatchSize];
        var choices = Array.ConvertAll(shares, share => new WeightedChoice(share.Images));
        for (var next = 0; next < drawn.Length;)
            foreach (var (share, choice) in shares.Zip(choices))
                foreach (var chosenPlace in choice.Choose(share.Count, random))
                {
                    var identity = share.Identities[chosenPlace];
                    var own = order.AsSpan(starts[identity]..starts[identity + 1]);
                    for (var i = 0; i < ImagesPerIdentity; i++)
                    {
                        // If the identity has K images, this is one step of a shuffle; otherwise it is a draw with replacement.
                        var from = own.Length >= ImagesPerIdentity ? i : 0;
                        var chosen = from + random.NextInt(own.Length - from);
                        (own[from], own[chosen]) = (own[chosen], own[from]);
                        drawn[next++] = own[from];
                    }
                }
        return Share(drawn);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(batches * WholeBatchSize);
    }

    /// <summary>Finds the identities of each named domain in one pass over the images.</summary>
    private DomainShare[] Shares(IReadOnlyList<long> domains, IReadOnlyDictionary<long, int> identitiesPerDomain)
    {
        DomainShare[] found = [.. identitiesPerDomain.OrderBy(entry => entry.Key).Select(entry => new DomainShare(entry.Key, entry.Value))];
        var byDomain = found.ToDictionary(share => share.Domain);
        for (var identity = 0; identity < starts.Length - 1; identity++)
            foreach (var row in rows.AsSpan(starts[identity]..starts[identity + 1]))
                if (byDomain.TryGetValue(domains[row], out var share)) share.Add(identity);
        return Array.Find(found, share => share.Identities.Count < share.Count) is not { } lacking ? found
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"domains must hold at least {lacking.Count} "
                + $"identities of domain {lacking.Domain}, got {lacking.Identities.Count}."), nameof(domains));
    }

    private static int Identities(IReadOnlyDictionary<long, int> identitiesPerDomain)
    {
        ArgumentNullException.ThrowIfNull(identitiesPerDomain);
        if (identitiesPerDomain.Count == 0)
            throw new ArgumentException("identitiesPerDomain must name a domain, got none.", nameof(identitiesPerDomain));
        var identities = identitiesPerDomain.Values.Sum(count => (long)Guard.AtLeast(count, 1, nameof(identitiesPerDomain)));
        return identities <= Array.MaxLength ? (int)identities
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"identitiesPerDomain must sum to at most {Array.MaxLength}, got {identities}."), nameof(identitiesPerDomain));
    }

    /// <summary>The part of a batch that comes from one domain.</summary>
    /// <param name="Domain">The domain.</param>
    /// <param name="Count">The number of its identities in a batch.</param>
    private sealed record DomainShare(long Domain, int Count)
    {
        /// <summary>The identities with images in the domain, ascending.</summary>
        public List<int> Identities { get; } = [];

        /// <summary>The number of images of each of them in the domain.</summary>
        public List<int> Images { get; } = [];

        /// <summary>Adds an image of an identity. Identities come in ascending order.</summary>
        public void Add(int identity)
        {
            if (Identities.Count == 0 || Identities[^1] != identity)
            {
                Identities.Add(identity);
                Images.Add(0);
            }
            Images[^1]++;
        }
    }
}
