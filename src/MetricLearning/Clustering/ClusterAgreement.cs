using MathNet.Numerics;

namespace MetricLearning;

/// <summary>Measures the agreement of two partitions of the same items, such as labels and clusters. The numbering of the classes does not
/// matter.</summary>
/// <remarks>
/// <para>The measures follow scikit-learn: entropies are in nats, and the normalization is by the arithmetic mean of the two entropies. NMI
/// and AMI are exactly 1 for two equal partitions, even if both are a single cluster. They are 0 if only one of the two partitions is a
/// single cluster. Noise of <see cref="Dbscan"/>, −1, counts as one more cluster; leave its rows out of both lists if it should
/// not.</para>
/// <para>Thread safety: any number of threads may call it at once.</para>
/// </remarks>
public static class ClusterAgreement
{
    /// <summary>Computes the mutual information in nats, <c>I = Σ nᵢⱼ/N · ln(N nᵢⱼ / (aᵢ bⱼ))</c>. It is never below 0.</summary>
    /// <remarks>N is the number of items. Of these, nᵢⱼ have label i and cluster j, aᵢ have label i, and bⱼ have cluster j.</remarks>
    /// <param name="labels">The label of each item.</param>
    /// <param name="clusters">The cluster of each item.</param>
    /// <exception cref="ArgumentException">The numbers of items differ.</exception>
    /// <exception cref="ArgumentNullException">A list is null.</exception>
    public static double MutualInformation(IReadOnlyList<long> labels, IReadOnlyList<long> clusters) =>
        new Table(labels, clusters).Information;

    /// <summary>Computes the normalized mutual information (NMI), <c>I / ((H(labels) + H(clusters)) / 2)</c>, in [0, 1]. H is the entropy
    /// of a partition.</summary>
    /// <inheritdoc cref="MutualInformation"/>
    public static double NormalizedMutualInformation(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var table = new Table(labels, clusters);
        if (table.AreEqual) return 1;
        return table.Information == 0 ? 0 : table.Information / table.MeanEntropy;
    }

    /// <summary>Computes the adjusted mutual information (AMI), <c>(I − E[I]) / ((H(labels) + H(clusters)) / 2 − E[I])</c>. E[I] is the
    /// exact expectation of I over random partitions of the same sizes. So AMI is about 0 for random clusters, however many there are. It
    /// may be slightly negative.</summary>
    /// <remarks>Vinh, Epps and Bailey, JMLR 11, 2010. Cost: the product of the numbers of different cluster sizes, times the size of the
    /// smaller cluster.</remarks>
    /// <inheritdoc cref="MutualInformation"/>
    public static double AdjustedMutualInformation(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var table = new Table(labels, clusters);
        if (table.AreEqual) return 1;
        var expected = table.ExpectedInformation();
        var denominator = table.MeanEntropy - expected;
        if (Math.Abs(denominator) < Smallest) denominator = Math.CopySign(Smallest, denominator);
        return (table.Information - expected) / denominator;
    }

    /// <summary>Computes the homogeneity, <c>I / H(labels)</c>, in [0, 1]: 1 if each cluster has items of one label only. It is 1 if all
    /// items have one label.</summary>
    /// <remarks>Rosenberg and Hirschberg, EMNLP 2007. The harmonic mean of homogeneity and completeness, the V-measure, is
    /// <see cref="NormalizedMutualInformation"/>.</remarks>
    /// <inheritdoc cref="MutualInformation"/>
    public static double Homogeneity(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var table = new Table(labels, clusters);
        return table.EntropyOfLabels == 0 ? 1 : Math.Min(1, table.Information / table.EntropyOfLabels);
    }

    /// <summary>Computes the completeness, <c>I / H(clusters)</c>, in [0, 1]: 1 if all items of a label are in one cluster. It is
    /// <see cref="Homogeneity"/> with labels and clusters exchanged.</summary>
    /// <inheritdoc cref="MutualInformation"/>
    public static double Completeness(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var table = new Table(labels, clusters);
        return table.EntropyOfClusters == 0 ? 1 : Math.Min(1, table.Information / table.EntropyOfClusters);
    }

    /// <summary>Computes the adjusted Rand index (ARI): the share of pairs of items on which the partitions agree, scaled so that random
    /// clusters give about 0 and equal partitions exactly 1. It may be negative.</summary>
    /// <remarks>Hubert and Arabie, 1985. It is computed from exact counts of pairs.</remarks>
    /// <inheritdoc cref="MutualInformation"/>
    public static double AdjustedRandIndex(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var (both, inLabels, inClusters, all) = new Table(labels, clusters).Pairs();
        if (both == inLabels && both == inClusters) return 1;
        // The numerator and the denominator of (both − expected) / (mean − expected), times all.
        return (double)(2 * ((Int128)both * all - (Int128)inLabels * inClusters))
            / (double)((Int128)(inLabels + inClusters) * all - 2 * (Int128)inLabels * inClusters);
    }

    /// <summary>Computes the pairwise precision: the share of the pairs in one cluster that have one label. NaN if no two items are in one
    /// cluster.</summary>
    /// <remarks>The geometric mean of pairwise precision and recall is the index of Fowlkes and Mallows.</remarks>
    /// <inheritdoc cref="MutualInformation"/>
    public static double PairPrecision(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var (both, _, inClusters, _) = new Table(labels, clusters).Pairs();
        return (double)both / inClusters;
    }

    /// <summary>Computes the pairwise recall: the share of the pairs of one label that are in one cluster. NaN if no two items have one
    /// label.</summary>
    /// <inheritdoc cref="MutualInformation"/>
    public static double PairRecall(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var (both, inLabels, _, _) = new Table(labels, clusters).Pairs();
        return (double)both / inLabels;
    }

    /// <summary>Computes the pairwise F score, the harmonic mean of <see cref="PairPrecision"/> and <see cref="PairRecall"/>. NaN if no two
    /// items have one label or are in one cluster.</summary>
    /// <inheritdoc cref="MutualInformation"/>
    public static double PairF1(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
    {
        var (both, inLabels, inClusters, _) = new Table(labels, clusters).Pairs();
        return 2.0 * both / ((double)inLabels + inClusters);
    }

    private const double Smallest = 2.220446049250313e-16;

    /// <summary>The contingency table of labels and clusters.</summary>
    private sealed class Table
    {
        private readonly int items;
        private readonly int[] rows, columns, cells;       // the sizes of labels, of clusters, and of both together

        public Table(IReadOnlyList<long> labels, IReadOnlyList<long> clusters)
        {
            ArgumentNullException.ThrowIfNull(labels);
            ArgumentNullException.ThrowIfNull(clusters);
            if (labels.Count != clusters.Count)
                throw new ArgumentException($"labels and clusters must have one entry per item, got {labels.Count} and {clusters.Count}.",
                    nameof(clusters));
            items = labels.Count;
            var sizesOfLabels = Counts(labels);
            var sizesOfClusters = Counts(clusters);
            var counts = Counts(labels.Zip(clusters)).OrderBy(c => c.Key).ToArray();
            (rows, columns) = ([.. sizesOfLabels.Values], [.. sizesOfClusters.Values]);
            cells = [.. counts.Select(cell => cell.Value)];
            AreEqual = cells.Length == rows.Length && cells.Length == columns.Length;
            (EntropyOfLabels, EntropyOfClusters) = (Entropy(rows), Entropy(columns));
            double n = items, sum = 0;
            foreach (var ((label, cluster), count) in counts)
                sum += count / n * (Math.Log(count / n) - Math.Log(sizesOfLabels[label] / n) - Math.Log(sizesOfClusters[cluster] / n));
            Information = rows.Length == 1 || columns.Length == 1 ? 0 : Math.Max(0, sum);
        }

        public bool AreEqual { get; }
        public double Information { get; }
        public double EntropyOfLabels { get; }
        public double EntropyOfClusters { get; }
        public double MeanEntropy => (EntropyOfLabels + EntropyOfClusters) / 2;

        /// <summary>The numbers of pairs of items with one label and in one cluster, with one label, in one cluster, and of all
        /// pairs.</summary>
        public (long Both, long InLabels, long InClusters, long All) Pairs() => (Of(cells), Of(rows), Of(columns), Of([items]));

        private static long Of(int[] sizes) => sizes.Sum(size => (long)size * (size - 1) / 2);

        public double ExpectedInformation()
        {
            if (rows.Length == 1 || columns.Length == 1) return 0;
            var logFactorial = new double[items + 1];
            for (var i = 0; i <= items; i++) logFactorial[i] = SpecialFunctions.GammaLn(i + 1.0);
            var sum = 0.0;
            foreach (var (a, rowsOfSize) in Counts(rows).OrderBy(x => x.Key))
                foreach (var (b, columnsOfSize) in Counts(columns).OrderBy(x => x.Key))
                {
                    var fixedPart = logFactorial[a] + logFactorial[b] + logFactorial[items - a] + logFactorial[items - b]
                        - logFactorial[items];
                    var ofPair = 0.0;
                    for (var n = Math.Max(1, a + b - items); n <= Math.Min(a, b); n++)
                    {
                        var logProbability = fixedPart - logFactorial[n] - logFactorial[a - n] - logFactorial[b - n]
                            - logFactorial[items - a - b + n];
                        ofPair += (double)n / items * Math.Log((double)items / a * n / b) * Math.Exp(logProbability);
                    }
                    sum += (double)rowsOfSize * columnsOfSize * ofPair;
                }
            return sum;
        }

        private static Dictionary<T, int> Counts<T>(IEnumerable<T> values) where T : notnull =>
            values.GroupBy(x => x).ToDictionary(g => g.Key, g => g.Count());

        private double Entropy(int[] sizes)
        {
            var sum = 0.0;
            foreach (var size in sizes) sum -= (double)size / items * Math.Log((double)size / items);
            return sum;
        }
    }
}
