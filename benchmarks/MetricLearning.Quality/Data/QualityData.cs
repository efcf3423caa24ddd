using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>The pictures of one kind in three parts that share no identity. Each picture is a row of its numbers.</summary>
/// <param name="Kind">What they are.</param>
/// <param name="Channels">The channels of a picture.</param>
/// <param name="Height">Its height.</param>
/// <param name="Width">Its width.</param>
/// <param name="Train">What networks learn from.</param>
/// <param name="Validation">What their settings are chosen by.</param>
/// <param name="Test">What the table shows.</param>
internal sealed record QualityData(DataKind Kind, int Channels, int Height, int Width, EmbeddingSet Train, EmbeddingSet Validation,
    EmbeddingSet Test) : IDisposable
{
    /// <summary>The classes of <see cref="Train"/> as numbers from 0, in the order in which they first come.</summary>
    public long[] Labels { get; } = Numbered(Train.Identities);

    /// <summary>How many classes <see cref="Train"/> has.</summary>
    public int Classes => Labels.Distinct().Count();

    /// <summary>Whether pooling has something to pool.</summary>
    public bool HasMaps => Kind != DataKind.Features;

    /// <summary>The sizes of the parts in words. Other data or another division has other sizes.</summary>
    public string Sizes => string.Join("; ", Part("train", Train), Part("validation", Validation), Part("test", Test));

    /// <summary>Some rows as pictures [N, C, H, W].</summary>
    public Tensor Pictures(EmbeddingSet set, ReadOnlySpan<long> rows)
    {
        using var index = tensor(rows.ToArray());
        using var chosen = set.Features.index_select(0, index);
        return chosen.view(rows.Length, Channels, Height, Width);
    }

    /// <summary>The same data with fewer pictures to learn from.</summary>
    /// <param name="people">The share of the classes, in (0, 1].</param>
    /// <param name="pictures">The most pictures of a class; null for all.</param>
    /// <param name="seed">The seed of the choice.</param>
    /// <returns>The caller disposes only the training set; the other parts belong to this object.</returns>
    public QualityData Less(double people, int? pictures, ulong seed)
    {
        var random = new SeededRandom(seed);
        var rows = Enumerable.Range(0, Train.Count).GroupBy(row => Labels[row]).Select(group => group.ToArray()).ToArray();
        random.Shuffle(rows.AsSpan());
        var kept = rows.Take((int)Math.Ceiling(people * rows.Length)).SelectMany(group =>
        {
            random.Shuffle(group.AsSpan());
            return group.Take(pictures ?? group.Length);
        }).Order().ToArray();
        using var index = tensor(kept.Select(row => (long)row).ToArray());
        return new(Kind, Channels, Height, Width, new EmbeddingSet(Train.Features.index_select(0, index),
            kept.Select(row => Train.Identities[row]), Train.Cameras is { } cameras ? kept.Select(row => cameras[row]) : null),
            Validation, Test);
    }

    public void Dispose()
    {
        Train.Dispose();
        Validation.Dispose();
        Test.Dispose();
    }

    private static long[] Numbered(IReadOnlyList<long> identities)
    {
        var numbers = new Dictionary<long, long>();
        return [.. identities.Select(identity =>
        {
            if (!numbers.TryGetValue(identity, out var number)) numbers.Add(identity, number = numbers.Count);
            return number;
        })];
    }

    private static string Part(string name, EmbeddingSet set) => string.Create(CultureInfo.InvariantCulture,
        $"{name} {set.Count} pictures of {set.Identities.Distinct().Count()}");
}
