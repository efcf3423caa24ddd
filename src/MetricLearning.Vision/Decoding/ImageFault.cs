namespace MetricLearning.Vision;

/// <summary>What is wrong with an encoded image.</summary>
/// <param name="What">The fault, as the rest of a sentence after the image's name.</param>
/// <param name="Setting">The property that sets the limit which the image exceeds; null if it is another fault.</param>
internal sealed record ImageFault(string What, string? Setting = null)
{
    public static implicit operator ImageFault?(string? what) => what is null ? null : new(what);

    /// <summary>The fault, for a message.</summary>
    /// <param name="namesSetting">Whether whoever reads the message can change the setting.</param>
    public string Told(bool namesSetting) => namesSetting && Setting is not null ? $"{What}; {Setting} sets the limit" : What;
}
