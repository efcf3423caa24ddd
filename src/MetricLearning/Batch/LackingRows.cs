using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The number of rows of a batch without a positive, and the number without a negative.</summary>
internal readonly record struct LackingRows(long WithoutPositives, long WithoutNegatives)
{
    /// <summary>Counts the rows of a batch in which each row is compared with all others.</summary>
    public static LackingRows OfLabels(Tensor labels)
    {
        var values = Read(labels);
        var (positives, negatives) = (0L, 0L);
        foreach (var count in CountLabels(values).Values)
        {
            if (count == 1) positives++;
            if (count == values.Length) negatives += count;
        }
        return new(positives, negatives);
    }

    /// <summary>Counts the rows of a batch that is compared with references.</summary>
    /// <param name="labels">int64 [N].</param>
    /// <param name="referenceLabels">int64 [M].</param>
    /// <param name="self">int64 [N], the column that is not a positive of the row; null if the references are other
    /// embeddings.</param>
    public static LackingRows OfLabels(Tensor labels, Tensor referenceLabels, Tensor? self)
    {
        var (values, met) = (Read(labels), Read(referenceLabels));
        var columns = self is null ? null : Read(self);
        var counts = CountLabels(met);
        var (positives, negatives) = (0L, 0L);
        for (var row = 0; row < values.Length; row++)
        {
            var same = counts.GetValueOrDefault(values[row]);
            if (same == met.Length) negatives++;
            if (columns is not null && met[columns[row]] == values[row]) same--;
            if (same == 0) positives++;
        }
        return new(positives, negatives);
    }

    /// <summary>Counts the rows by masks.</summary>
    public static LackingRows OfPairs(Pairs pairs)
    {
        using var scope = NewDisposeScope();
        return new(CountEmpty(pairs.Positives), CountEmpty(pairs.Negatives));
    }

    private static long CountEmpty(Tensor mask) => mask.any(1).logical_not().sum().item<long>();

    /// <summary>Copies labels to the host, with a single copy if they are on the CPU.</summary>
    private static unsafe long[] Read(Tensor labels) =>
        labels.device_type == TorchSharp.DeviceType.CPU && labels.is_contiguous() && labels.numel() <= int.MaxValue
            ? new ReadOnlySpan<long>(TensorMemory.Of(labels), (int)labels.numel()).ToArray()
            : TensorMemory.Copy<long>(labels);

    private static Dictionary<long, int> CountLabels(long[] labels)
    {
        var counts = new Dictionary<long, int>();
        foreach (var label in labels) CollectionsMarshal.GetValueRefOrAddDefault(counts, label, out _)++;
        return counts;
    }
}
