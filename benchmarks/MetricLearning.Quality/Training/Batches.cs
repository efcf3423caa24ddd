using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>How a batch of 64 rows is drawn.</summary>
internal enum Batches
{
    /// <summary>16 identities, 4 pictures of each.</summary>
    P16K4,

    /// <summary>32 identities, 2 pictures of each, one after the other.</summary>
    P32K2,

    /// <summary>8 identities, 8 pictures of each.</summary>
    P8K8,

    /// <summary>16 identities that are hard to tell apart, 4 pictures of each.</summary>
    Graph,

    /// <summary>Any pictures.</summary>
    Shuffled,

    /// <summary>Any pictures; all identities are drawn equally often.</summary>
    ClassBalanced,
}

/// <summary>Endless batches of a training set.</summary>
internal static class BatchSource
{
    /// <param name="kind">How they are drawn.</param>
    /// <param name="data">The training set.</param>
    /// <param name="seed">The seed of the sampler.</param>
    /// <param name="embed">Gives the rows' embeddings by the network in its present state.</param>
    /// <returns>Rows of the training set.</returns>
    public static IEnumerable<long[]> Of(Batches kind, QualityData data, ulong seed, Func<long[], Tensor> embed)
    {
        var p = Math.Min(16, data.Classes);
        Sampler sampler = kind switch
        {
            Batches.P16K4 => new IdentitySampler(data.Labels, p, 4, seed: seed),
            Batches.P32K2 => new IdentitySampler(data.Labels, Math.Min(32, data.Classes), 2, seed: seed),
            Batches.P8K8 => new IdentitySampler(data.Labels, Math.Min(8, data.Classes), 8, seed: seed),
            Batches.Graph => new GraphSampler(data.Labels, p, 4, seed: seed),
            Batches.ClassBalanced => new ClassBalancedSampler(data.Labels, 64, seed: seed),
            _ => new ShuffleSampler(data.Labels.Length, Math.Min(64, data.Labels.Length), LastBatch.Drop, seed: seed),
        };
        while (true)
        {
            if (sampler is GraphSampler graph)
            {
                using var embeddings = embed(graph.Representatives(graph.State.Epoch));
                graph.Update(embeddings, Distance.Cosine);
            }
            foreach (var rows in sampler.Batches()) yield return rows;
        }
    }
}
