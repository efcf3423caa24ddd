namespace MetricLearning;

/// <summary>What a tensor of a file is called in the model: functions for <c>LoadWeights</c>. Null leaves the tensor out.</summary>
public static class WeightNames
{
    /// <summary>Takes a prefix such as <c>module.</c> (left by PyTorch's DataParallel) off the names that have it.</summary>
    public static Func<string, string?> WithoutPrefix(string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return name => Without(prefix, name);
    }

    /// <summary>torchreid's OSNet into an <see cref="EmbeddingModel"/>: <c>fc.</c> and <c>classifier.</c> stay, the rest is the backbone's.</summary>
    /// <param name="classifier">False to leave the file's classifier out, as when other identities are to be told apart.</param>
    public static Func<string, string?> TorchReId(bool classifier = true) => name =>
    {
        var plain = WithoutModule(name);
        if (IsOf("classifier", plain)) return classifier ? plain : null;
        return IsOf("fc", plain) ? plain : "backbone." + plain;
    };

    /// <summary>torchvision's ResNet into an <see cref="EmbeddingModel"/>: all is the backbone's, and ImageNet's classifier (<c>fc</c>) is left out.</summary>
    public static Func<string, string?> Torchvision() => name =>
    {
        var plain = WithoutModule(name);
        return IsOf("fc", plain) ? null : "backbone." + plain;
    };

    private static string WithoutModule(string name) => Without("module.", name);

    private static string Without(string prefix, string name) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;

    private static bool IsOf(string part, string name) => name.StartsWith(part + ".", StringComparison.Ordinal);
}
