using System.Globalization;
using static TorchSharp.torch;

namespace EvaluateFeatures;

/// <summary>Features with identities and cameras, and the names of the images if the file has them.</summary>
internal sealed record FeatureSet(EmbeddingSet Set, IReadOnlyList<string>? Files) : IDisposable
{
    /// <summary>Takes ownership of a set that was read, and prints what could not be used.</summary>
    public static FeatureSet Of(FeaturePart part)
    {
        foreach (var note in part.Notes) Ui.Line($"note: {note}");
        return new(part.Set, part.Files);
    }

    /// <summary>Returns the set with features of another type, and disposes this set.</summary>
    public FeatureSet To(ScalarType type)
    {
        if (Set.Features.dtype == type) return this;
        using (this)
        using (NewDisposeScope())
            return this with { Set = new EmbeddingSet(Set.Features.to(type), Set.Identities, Set.Cameras) { Space = Set.Space } };
    }

    /// <summary>Returns the set with rows of length 1, and disposes this set.</summary>
    public FeatureSet Normalized()
    {
        using (this)
        using (NewDisposeScope())
            return this with
            {
                Set = new EmbeddingSet(Similarity.Normalize(Set.Features), Set.Identities, Set.Cameras) { Space = Set.Space },
            };
    }

    /// <summary>Identity and camera of a row, for messages and captions.</summary>
    public string Describe(int row) => string.Create(CultureInfo.InvariantCulture,
        $"identity {Set.Identities[row]}, {(Set.Cameras is { } cameras ? $"camera {cameras[row]}" : "no camera")}");

    public void Dispose() => Set.Dispose();
}

/// <summary>The files of a set's arrays.</summary>
/// <param name="Features">The file of the features.</param>
/// <param name="Ids">A .npy file of identities; null if they are in the file of the features.</param>
/// <param name="Cameras">A .npy file of cameras; null if they are in the file of the features, or if there are none.</param>
internal sealed record SetFiles(string Features, string? Ids = null, string? Cameras = null);
