using System.Globalization;

namespace MetricLearning;

/// <summary>
/// Draws K rows from each of N random domains (cameras, data sets) for every batch. No row occurs twice in an epoch. The epoch ends with
/// the first batch that leaves one of its domains with fewer than K rows.
/// </summary>
/// <remarks>
/// These are exactly the RandomDomainSampler (domains are cameras) and the RandomDatasetSampler of torchreid. A small domain ends the epoch
/// early; to go through all rows, use an <see cref="IdentitySampler"/> with the domains as labels. The number of batches depends on the
/// draw: see <see cref="Sampler.CountIn"/>.
/// </remarks>
public sealed class DomainSampler : Sampler
{
    private readonly int[] starts;
    private readonly int[] rows;

    /// <summary>Creates a sampler over rows of these domains.</summary>
    /// <param name="domains">The domain of each row, any numbers.</param>
    /// <param name="domainsPerBatch">N, the domains of a batch of all processes together, at least 1. Default: all domains.</param>
    /// <param name="rowsPerDomain">K, at least 1. Default: 16.</param>
    /// <param name="shard">The share of one process among several: whole domains. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="domains"/> is null.</exception>
    /// <exception cref="ArgumentException">There are fewer than N domains, one has fewer than K rows, a batch is larger than an array can
    /// be, or N cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public DomainSampler(IReadOnlyList<long> domains, int? domainsPerBatch = null, int rowsPerDomain = 16, SamplerShard shard = default,
        ulong seed = 0)
        : base(SamplerSize.Product("a batch", nameof(rowsPerDomain), CountOf(domains, domainsPerBatch), Guard.AtLeast(rowsPerDomain, 1)),
            seed, shard, rowsPerDomain)
    {
        (starts, rows, _) = Groups.Of(domains, minimum: 1);
        DomainsPerBatch = WholeBatchSize / rowsPerDomain;
        RowsPerDomain = rowsPerDomain;
        if (Domains < DomainsPerBatch)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"domains must hold at least {DomainsPerBatch}, got {Domains}."), nameof(domains));
        for (var i = 0; i < Domains; i++)
            if (starts[i + 1] - starts[i] < rowsPerDomain)
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"domains must each have at least {rowsPerDomain} rows, got {starts[i + 1] - starts[i]} of domain "
                        + $"{domains[rows[starts[i]]]}."),
                    nameof(domains));
    }

    /// <summary>The number of domains.</summary>
    public int Domains => starts.Length - 1;

    /// <summary>N: the number of domains of a batch of all processes together.</summary>
    public int DomainsPerBatch { get; }

    /// <summary>K: the number of rows of each domain of a batch.</summary>
    public int RowsPerDomain { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        int[] domains = [.. Enumerable.Range(0, Domains)];
        var taken = new int[Domains];
        var drawn = new List<long>(rows.Length);
        for (var goesOn = true; goesOn;)
            foreach (var domain in random.Choose<int>(domains, DomainsPerBatch))
            {
                // The rows that have not been drawn yet.
                var left = order.AsSpan(starts[domain] + taken[domain], starts[domain + 1] - starts[domain] - taken[domain]);
                foreach (var row in random.Choose(left, RowsPerDomain)) drawn.Add(row);
                taken[domain] += RowsPerDomain;
                goesOn &= left.Length - RowsPerDomain >= RowsPerDomain;
            }
        return Share([.. drawn]);
    }

    private static int CountOf(IReadOnlyList<long> domains, int? domainsPerBatch)
    {
        ArgumentNullException.ThrowIfNull(domains);
        if (domains.Count == 0) throw new ArgumentException("domains must not be empty.", nameof(domains));
        return domainsPerBatch is { } given ? Guard.AtLeast(given, 1, nameof(domainsPerBatch)) : domains.Distinct().Count();
    }
}
