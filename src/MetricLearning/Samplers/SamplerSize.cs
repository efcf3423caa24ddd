using System.Globalization;

namespace MetricLearning;

/// <summary>Sizes of batches and epochs. An epoch is an array, so its length is limited.</summary>
internal static class SamplerSize
{
    /// <summary>The product of sizes that are each at least 1.</summary>
    /// <param name="what">What has this size, for the message.</param>
    /// <param name="setting">The argument that the exception names.</param>
    /// <param name="sizes">The factors.</param>
    /// <exception cref="ArgumentException">The product is larger than an array can be.</exception>
    public static int Product(string what, string setting, params ReadOnlySpan<int> sizes)
    {
        var product = 1L;
        foreach (var size in sizes)
            if ((product *= size) > Array.MaxLength)
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"{what} can have at most {Array.MaxLength} rows, got {string.Join(" × ", sizes.ToArray())}."), setting);
        return (int)product;
    }

    /// <summary>How many batches an epoch has: the given number, or as many full batches as the rows make, at least 1.</summary>
    /// <exception cref="ArgumentException">The given number is below 1, or an epoch with this number of batches is larger than an array can
    /// be.</exception>
    public static int Batches(int? batchesPerEpoch, int rows, int batchSize)
    {
        if (batchesPerEpoch is not { } given) return Math.Max(1, rows / batchSize);
        Product("an epoch", nameof(batchesPerEpoch), Guard.AtLeast(given, 1, nameof(batchesPerEpoch)), batchSize);
        return given;
    }
}
