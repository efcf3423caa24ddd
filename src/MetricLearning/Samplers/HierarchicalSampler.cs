using System.Globalization;

namespace MetricLearning;

/// <summary>
/// P×K with categories: every batch has C categories, P classes of each category and K images of each class. Negatives of the same category
/// are hard (two chairs rather than a chair and a lamp).
/// </summary>
/// <remarks>
/// By default each batch is a fresh draw in which every category that has P classes of K images is equally likely;
/// <see cref="HierarchyDraw"/> names the other ways. It follows <c>HierarchicalSampler</c> of pytorch-metric-learning (and Cakir et al.,
/// <i>Deep Metric Learning to Rank</i>, CVPR 2019), which goes through all pairs of categories and whose batches vary in the number of
/// classes, and the two category samplers of open-metric-learning.
/// </remarks>
public sealed class HierarchicalSampler : Sampler
{
    private readonly int[] classStarts;       // the images of class i are rows[classStarts[i]..classStarts[i + 1]]
    private readonly int[] rows;
    private readonly int[] categoryStarts;    // the classes of category i are classes[categoryStarts[i]..categoryStarts[i + 1]]
    private readonly int[] classes;
    private readonly int batches;

    /// <summary>Creates a sampler over images with these classes and categories.</summary>
    /// <param name="labels">The class of each image, any numbers.</param>
    /// <param name="categories">The category of each image, any numbers; the images of one class have one category.</param>
    /// <param name="categoriesPerBatch">C, the categories of a batch of all processes together, at least 1. Default: 2.</param>
    /// <param name="classesPerCategory">P, at least 1. Default: 8.</param>
    /// <param name="imagesPerClass">K, at least 1. Default: 4. Classes with fewer than K images are left out, and so are categories with
    /// fewer than P such classes.</param>
    /// <param name="draw">How categories and classes are chosen. Default: every category is equally likely.</param>
    /// <param name="batchesPerEpoch">The number of batches of an epoch, at least 1. Default: images / (C·P·K), at least 1.</param>
    /// <param name="shard">The share of one process among several: whole categories. Default: one process that takes the whole
    /// batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException">A collection is null.</exception>
    /// <exception cref="ArgumentException">The lengths differ, a class lies in two categories, fewer than C categories have P classes of K
    /// images, a batch or an epoch is larger than an array can be, or C cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive, or the enum has no such value.</exception>
    public HierarchicalSampler(IReadOnlyList<long> labels, IReadOnlyList<long> categories, int categoriesPerBatch = 2,
        int classesPerCategory = 8, int imagesPerClass = 4, HierarchyDraw draw = HierarchyDraw.Independent, int? batchesPerEpoch = null,
        SamplerShard shard = default, ulong seed = 0)
        : base(SamplerSize.Product("a batch", nameof(imagesPerClass), Guard.AtLeast(categoriesPerBatch, 1),
            Guard.AtLeast(classesPerCategory, 1), Guard.AtLeast(imagesPerClass, 1)), seed, shard, classesPerCategory * imagesPerClass)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(categories);
        if (categories.Count != labels.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"categories must have one entry per image, {labels.Count}, got {categories.Count}."), nameof(categories));
        CategoriesPerBatch = categoriesPerBatch;
        ClassesPerCategory = classesPerCategory;
        ImagesPerClass = imagesPerClass;
        HierarchyDraw = Guard.Defined(draw);
        (classStarts, rows, _) = Groups.Of(labels, imagesPerClass);
        (categoryStarts, classes, _) = Groups.Of(CategoryOfEachClass(labels, categories), classesPerCategory);
        if (categoryStarts.Length - 1 < categoriesPerBatch)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"categories must hold at least {categoriesPerBatch} with {classesPerCategory} classes of {imagesPerClass} images, got "
                    + $"{categoryStarts.Length - 1}."),
                nameof(categories));
        batches = SamplerSize.Batches(batchesPerEpoch, labels.Count, WholeBatchSize);
    }

    /// <summary>C: the number of categories of a batch of all processes together.</summary>
    public int CategoriesPerBatch { get; }

    /// <summary>P: the number of classes of each category of a batch.</summary>
    public int ClassesPerCategory { get; }

    /// <summary>K: the number of images of each class of a batch.</summary>
    public int ImagesPerClass { get; }

    /// <summary>How categories and classes are chosen.</summary>
    public HierarchyDraw HierarchyDraw { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] classOrder = [.. classes], rowOrder = [.. rows];
        var drawn = new long[batches * WholeBatchSize];
        var (used, chooseCategories) = (new int[categoryStarts.Length - 1], CategoryChoice(random));
        for (var next = 0; next < drawn.Length;)
            foreach (var category in chooseCategories(used))
            {
                // The classes that have not been drawn in this round.
                var own = classOrder.AsSpan(categoryStarts[category] + used[category], ClassesOf(category) - used[category]);
                foreach (var one in random.Choose(own, ClassesPerCategory))
                    foreach (var row in random.Choose(rowOrder.AsSpan(classStarts[one]..classStarts[one + 1]), ImagesPerClass))
                        drawn[next++] = row;
                if (HierarchyDraw == HierarchyDraw.DistinctClasses) used[category] += ClassesPerCategory;
            }
        return Share(drawn);
    }

    private long[] CategoryOfEachClass(IReadOnlyList<long> labels, IReadOnlyList<long> categories)
    {
        var found = new long[classStarts.Length - 1];
        for (var i = 0; i < found.Length; i++)
        {
            found[i] = categories[rows[classStarts[i]]];
            foreach (var row in rows.AsSpan(classStarts[i]..classStarts[i + 1]))
                if (categories[row] != found[i])
                    throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                        $"categories must be the same for all images of a class, got {found[i]} and {categories[row]} for class "
                            + $"{labels[row]}."),
                        nameof(categories));
        }
        return found;
    }

    private int ClassesOf(int category) => categoryStarts[category + 1] - categoryStarts[category];

    /// <summary>Makes the function that chooses the categories of each batch of an epoch. The function takes the number of classes of each
    /// category that have been drawn in this round.</summary>
    private Func<int[], int[]> CategoryChoice(SeededRandom random)
    {
        int[] order = [.. Enumerable.Range(0, categoryStarts.Length - 1)];
        if (HierarchyDraw == HierarchyDraw.WeighedByClasses)
        {
            var weighted = new WeightedChoice([.. order.Select(ClassesOf)]);
            return _ => weighted.Choose(CategoriesPerBatch, random);
        }
        if (HierarchyDraw == HierarchyDraw.Independent) return _ => [.. random.Choose<int>(order, CategoriesPerBatch)];
        var open = order.Length;        // the categories of order[..open] have P classes left, except perhaps those of the last batch
        var last = 0;
        return used =>
        {
            // The last batch is at the beginning. A category without P classes left gives its place to the last open one.
            for (var i = last - 1; i >= 0; i--)
                if (ClassesOf(order[i]) - used[order[i]] < ClassesPerCategory)
                {
                    open--;
                    (order[i], order[open]) = (order[open], order[i]);
                }
            if (open < CategoriesPerBatch)
            {
                Array.Clear(used);
                open = order.Length;
            }
            last = CategoriesPerBatch;
            return [.. random.Choose(order.AsSpan(..open), last)];
        };
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(batches * WholeBatchSize);
    }
}
