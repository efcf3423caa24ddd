namespace MetricLearning.Onnx;

/// <summary>The options of <see cref="OnnxFile.Export"/>.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record OnnxOptions
{
    /// <summary>The embedding space: how images are prepared and embeddings compared. It is written into the file, together with the
    /// dimension of the embedding and the fingerprint of the weights. Its height and width fix the size of the images. Without them the
    /// network takes images of any size, if its layers allow that. Default: empty.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public EmbeddingSpace Space { get; init => field = value ?? throw new ArgumentNullException(nameof(Space)); } = new();

    /// <summary>Whether the network takes pixels, uint8 [N, H, W, C], and normalizes them itself with <see cref="EmbeddingSpace.Mean"/> and
    /// <see cref="EmbeddingSpace.Deviation"/>. Default: false, it takes normalized images, float32 [N, C, H, W].</summary>
    public bool Preprocess { get; init; }

    /// <summary>Whether batch norms are folded into the convolutions and linear layers before them. Runtimes do that too when they load a
    /// file. A file without folding keeps the weights under their names. Default: false.</summary>
    public bool FoldBatchNorms { get; init; }

    /// <summary>Whether weights with two or more axes are stored in float16, which halves the file. The network still computes in float32.
    /// A tensor with values outside the range of float16 stays in float32, and so does one whose values are all so small that float16 has
    /// only some of their digits. Default: false.</summary>
    public bool HalfWeights { get; init; }

    /// <summary>The outputs, by the names that <see cref="IGraphModel.Describe"/> gives (<c>embedding</c>, <c>features</c>,
    /// <c>logits</c>); <c>output</c> for a backbone alone. Null for the first.</summary>
    /// <exception cref="ArgumentException">The list is empty, or a name is null or occurs twice.</exception>
    public IReadOnlyList<string>? Outputs
    {
        get;
        init => field = value is null ? null : value.Count > 0 && !value.Contains(null!) && value.Distinct().Count() == value.Count
            ? [.. value]
            : throw new ArgumentException($"{nameof(Outputs)} must be different names, got [{string.Join(", ", value)}].",
                nameof(Outputs));
    }

    /// <summary>The names of the classes, in the order of the class scores; they are written into the file. Null for none.</summary>
    /// <exception cref="ArgumentException">A name is null or has half of a surrogate pair.</exception>
    public IReadOnlyList<string>? ClassNames
    {
        get;
        init => field = value is null ? null : value.Contains(null!)
            ? throw new ArgumentException($"{nameof(ClassNames)} must be names, got null among them.", nameof(ClassNames))
            : [.. value.Select(name => UnicodeText.Require(name, nameof(ClassNames)))];
    }
}
