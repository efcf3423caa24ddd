using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Removes the bias of the cameras from features. It subtracts from each row the mean of all rows of the same camera. Optionally
/// it divides each column by its standard deviation within the camera (Song et al., <i>Exploring the Camera Bias of Person
/// Re-identification</i>, 2025). No identities are needed.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once, until one of them disposes it.</remarks>
public sealed class CameraNormalization : IDisposable
{
    private readonly Dictionary<long, (Tensor Mean, Tensor Deviation, int Count)> cameras;
    private readonly long width;
    private readonly EmbeddingSpace? space;

    private CameraNormalization(Dictionary<long, (Tensor, Tensor, int)> cameras, long width, EmbeddingSpace? space) =>
        (this.cameras, this.width, this.space) = (cameras, width, space);

    /// <summary>Measures the mean and the standard deviation of each camera over all sets together.</summary>
    /// <param name="sets">At least one, of one width and with cameras; usually the queries and the gallery.</param>
    /// <returns>The fitted means and standard deviations, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There are no sets, a set has no cameras, widths, types, devices or embedding spaces differ, or a
    /// feature is not finite, or above 1e150 in size, or all of a set are below 1e-140.</exception>
    /// <exception cref="ArgumentNullException">A set is null.</exception>
    public static CameraNormalization Fit(params EmbeddingSet[] sets)
    {
        ArgumentNullException.ThrowIfNull(sets);
        if (sets.Length == 0) throw new ArgumentException("There are no sets to fit on.", nameof(sets));
        EmbeddingSpace? space = null;
        for (var i = 0; i < sets.Length; i++)
        {
            Guard.NotNull(sets[i], nameof(sets));
            Guard.SameWidth(sets[0].Features, sets[i].Features, nameof(sets), nameof(sets));
            SetGuard.Squarable(sets[i], nameof(sets), $"sets[{i}] features");
            EmbeddingSpace.RequireSame(space, sets[i].Space, "the sets before it", $"sets[{i}]");
            space = space is null ? sets[i].Space : sets[i].Space is { } next ? space.Agree(next) : space;
        }
        using var scope = NewDisposeScope();
        var fitted = new Dictionary<long, (Tensor, Tensor, int)>();
        var ofCameras = Array.ConvertAll(sets, set => ByCamera(set, nameof(sets)));
        foreach (var camera in ofCameras.SelectMany(groups => groups).Select(group => group.Key).Distinct().Order())
        {
            var rows = cat([.. sets.Zip(ofCameras, (set, groups) => Rows(set, [.. groups[camera]]))]);
            var mean = RowMath.MeanAlong(rows, 0).squeeze(0);
            var deviation = (rows - mean).pow(S(2)).mean([0]).sqrt();
            var divisor = where(deviation == S(0), ones_like(deviation), deviation);
            fitted.Add(camera, (mean.DetachFromDisposeScope(), divisor.DetachFromDisposeScope(), (int)rows.size(0)));
        }
        return new CameraNormalization(fitted, sets[0].Features.size(1), space);
    }

    /// <summary>The number of rows on which each camera was measured.</summary>
    public IReadOnlyDictionary<long, int> Counts => cameras.ToDictionary(c => c.Key, c => c.Value.Count);

    /// <summary>Subtracts from each row the mean of its camera.</summary>
    /// <param name="set">Features of the width that was fitted, of cameras that were fitted.</param>
    /// <param name="scale">Whether each column is also divided by its standard deviation within the camera. A column that is constant in
    /// all fitted rows of the camera is not divided. Default: no.</param>
    /// <returns>A set of the same type, which the caller disposes. Its <see cref="EmbeddingSet.Space"/> is not known: the model's own
    /// embeddings cannot be compared with it.</returns>
    /// <exception cref="ArgumentException">The set has no cameras, a camera was not fitted, the width or the embedding space differs from
    /// those that were fitted, or a feature is not finite.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    public EmbeddingSet Apply(EmbeddingSet set, bool scale = false)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set.Features.size(1) != width)
            throw new ArgumentException($"features must be [N, {width}], got {Guard.Shape(set.Features)}.", nameof(set));
        EmbeddingSpace.RequireSame(space, set.Space, "the fitted sets", nameof(set));
        SetGuard.Finite(set);
        using var scope = NewDisposeScope();
        var result = empty_like(set.Features);
        foreach (var group in ByCamera(set, nameof(set)))
        {
            if (!cameras.TryGetValue(group.Key, out var fitted))
                throw new ArgumentException($"Camera {group.Key} was not among those fitted ({string.Join(", ", cameras.Keys)}).",
                    nameof(set));
            long[] places = [.. group];
            var rows = Rows(set, places) - Guard.Owned(fitted.Mean, this).to(set.Features.device);
            if (scale) rows.div_(fitted.Deviation.to(set.Features.device));
            result.index_copy_(0, tensor(places, device: set.Features.device), rows.to(result.dtype));
        }
        return new EmbeddingSet(result, set.Identities, set.Cameras);
    }

    /// <summary>Frees the means and deviations.</summary>
    public void Dispose()
    {
        foreach (var (mean, deviation, _) in cameras.Values)
        {
            mean.Dispose();
            deviation.Dispose();
        }
    }

    /// <summary>The rows of each camera.</summary>
    private static ILookup<long, long> ByCamera(EmbeddingSet set, string name)
    {
        var cameras = set.Cameras ?? throw new ArgumentException("Camera normalization needs cameras, but a set has none.", name);
        return Enumerable.Range(0, set.Count).ToLookup(row => cameras[row], row => (long)row);
    }

    private static Tensor Rows(EmbeddingSet set, long[] rows) =>
        set.Features.index_select(0, tensor(rows, device: set.Features.device)).to(ScalarType.Float64);
}
