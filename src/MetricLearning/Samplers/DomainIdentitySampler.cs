using System.Globalization;

namespace MetricLearning;

/// <summary>P×K from several domains (cameras, data sets) at once: every batch holds K pictures each of so many identities of each
/// domain.</summary>
/// <remarks>
/// Each batch is a fresh draw. Identities within a domain's share differ, and one is as much more likely as it has more pictures there; its
/// K pictures differ where it has K, wherever they were taken. As fast-reid's SetReWeightSampler means it: there the same identity may be
/// drawn twice, one with just K pictures is drawn with replacement, the rows are shuffled within a batch, and its own check of the batch
/// size lets no batch through.
/// </remarks>
public sealed class DomainIdentitySampler : Sampler
{
    private readonly int[] starts;              // the pictures of identity i are rows[starts[i]..starts[i + 1]]
    private readonly int[] rows;
    // of each domain: pictures of its identities, identities of a batch
    private readonly (Dictionary<int, int> Pictures, int Count)[] shares;
    private readonly int batches;

    /// <summary>A sampler over pictures with these identities and domains.</summary>
    /// <param name="labels">The identity of each picture, any numbers.</param>
    /// <param name="domains">The domain of each picture, any numbers.</param>
    /// <param name="identitiesPerDomain">How many identities of each domain a batch (of all processes together) holds, each at least 1;
    /// domains that are not named take no part.</param>
    /// <param name="imagesPerIdentity">K, at least 1.</param>
    /// <param name="batchesPerEpoch">How many batches make an epoch; by default pictures / batch size, at least 1.</param>
    /// <param name="shard">The share of one process among several: whole identities.</param>
    /// <param name="seed">The seed of all epochs.</param>
    /// <exception cref="ArgumentException">The lengths differ, no domain is named, or one has fewer identities than wanted of
    /// it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public DomainIdentitySampler(IReadOnlyList<long> labels, IReadOnlyList<long> domains, IReadOnlyDictionary<long,
        int> identitiesPerDomain,
        int imagesPerIdentity = 4, int? batchesPerEpoch = null, SamplerShard shard = default, ulong seed = 0)
        : base(checked(Identities(identitiesPerDomain) * Guard.AtLeast(imagesPerIdentity, 1)), seed, shard, imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(domains);
        if (domains.Count != labels.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"domains must have one entry a picture, {labels.Count}, got {domains.Count}."), nameof(domains));
        ImagesPerIdentity = imagesPerIdentity;
        (starts, rows, _) = Groups.Of(labels, minimum: 1);
        shares = [.. identitiesPerDomain.OrderBy(entry => entry.Key).Select(entry => ShareOfDomain(domains, entry.Key, entry.Value))];
        batches = batchesPerEpoch is { } given ? Guard.AtLeast(given, 1, nameof(batchesPerEpoch))
            : Math.Max(1, labels.Count / WholeBatchSize);
    }

    /// <summary>K: how many pictures of each identity a batch holds.</summary>
    public int ImagesPerIdentity { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        var drawn = new long[batches * WholeBatchSize];
        for (var next = 0; next < drawn.Length;)
            foreach (var (pictures, count) in shares)
            {
                int[] identities = [.. pictures.Keys.Order()];
                random.Shuffle(identities, identity => pictures[identity]);
                foreach (var identity in identities.AsSpan(..count))
                {
                    var own = order.AsSpan(starts[identity]..starts[identity + 1]);
                    for (var i = 0; i < ImagesPerIdentity; i++)
                    {
                        // One step of a shuffle while there are pictures enough, else any of them.
                        var from = own.Length >= ImagesPerIdentity ? i : 0;
                        var chosen = from + random.NextInt(own.Length - from);
                        (own[from], own[chosen]) = (own[chosen], own[from]);
                        drawn[next++] = own[from];
                    }
                }
            }
        return Share(drawn);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(checked(batches * WholeBatchSize));
    }

    private (Dictionary<int, int> Pictures, int Count) ShareOfDomain(IReadOnlyList<long> domains, long domain, int count)
    {
        var pictures = new Dictionary<int, int>();
        for (var identity = 0; identity < starts.Length - 1; identity++)
            if (rows[starts[identity]..starts[identity + 1]].Count(row => domains[row] == domain) is > 0 and var found) pictures[
                identity] = found;
        return pictures.Count >= count ? (pictures, count)
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"domains must hold at least {count} identities of domain {domain}, got {pictures.Count}."), nameof(domains));
    }

    private static int Identities(IReadOnlyDictionary<long, int> identitiesPerDomain)
    {
        ArgumentNullException.ThrowIfNull(identitiesPerDomain);
        if (identitiesPerDomain.Count == 0) throw new ArgumentException("identitiesPerDomain must name a domain, got none.",
            nameof(identitiesPerDomain));
        return identitiesPerDomain.Values.Sum(count => Guard.AtLeast(count, 1, nameof(identitiesPerDomain)));
    }
}
