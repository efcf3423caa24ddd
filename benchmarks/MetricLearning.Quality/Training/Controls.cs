using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>Ways to embed without training a network, for comparison: the input itself, an untrained network, and the principal components
/// (PCA) of the input.</summary>
internal static class Controls
{
    /// <summary>The most columns for PCA. A covariance of more columns takes minutes.</summary>
    private const long WidestCovariance = 2000;

    /// <summary>The names, and how each embeds the test pictures.</summary>
    public static IReadOnlyDictionary<string, Func<QualityData, ulong, EmbeddingSet>> All { get; } =
        new Dictionary<string, Func<QualityData, ulong, EmbeddingSet>>
        {
            ["control: what the network sees"] = (data, _) => Copy(data.Test, data.Test.Features),
            ["control: untrained"] = (data, seed) =>
            {
                using var model = Trial.Untrained(data, seed);
                return Trial.Embed(model, data, data.Test);
            },
            ["control: PCA"] = (data, _) =>
            {
                using var train = Halved(data, data.Train);
                using var test = Halved(data, data.Test);
                using var components = PrincipalComponents.Fit(train,
                    (int)Math.Min(Networks.Dimension, Math.Min(train.Features.size(1), train.Count)));
                return components.Apply(test);
            },
        };

    /// <summary>The pictures, at half their size if they have more numbers than <see cref="WidestCovariance"/>.</summary>
    private static EmbeddingSet Halved(QualityData data, EmbeddingSet set)
    {
        using var scope = NewDisposeScope();
        return Copy(set, set.Features.size(1) <= WidestCovariance ? set.Features
            : nn.functional.avg_pool2d(set.Features.view(set.Count, data.Channels, data.Height, data.Width), 2).flatten(1));
    }

    private static EmbeddingSet Copy(EmbeddingSet set, Tensor features)
    {
        using var scope = NewDisposeScope();
        return new EmbeddingSet(features.alias(), set.Identities, set.Cameras);
    }
}
