using static TorchSharp.torch;

namespace EvaluateFeatures;

/// <summary>Features with identities and cameras, and the names of the images where the file has them.</summary>
internal sealed record FeatureSet(EmbeddingSet Set, IReadOnlyList<string>? Files) : IDisposable
{
    public void Dispose() => Set.Dispose();
}

/// <summary>The files of a set's arrays.</summary>
/// <param name="Features">The file of the features.</param>
/// <param name="Ids">A .npy file of identities; null where they are in the file of the features.</param>
/// <param name="Cameras">A .npy file of cameras; null where they are in the file of the features, or where there are none.</param>
internal sealed record SetFiles(string Features, string? Ids = null, string? Cameras = null);

/// <summary>Finds the arrays of queries and gallery by the names that are usual for them.</summary>
internal sealed class FeatureReader
{
    private static readonly string[] features = ["feat", "feats", "feature", "features", "f", "embeddings"];
    private static readonly string[] ids = ["pid", "pids", "id", "ids", "label", "labels"];
    private static readonly string[] cameras = ["cam", "cams", "camera", "cameras", "camid", "camids"];
    private static readonly string[] files = ["files", "paths", "names"];

    /// <summary>Three names in place of the usual ones, such as <c>*_vectors, *_person, *_view</c>, where * is query or gallery. The last
    /// may be missing.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>Reads queries and gallery from one file. Where the file has only one set, the gallery is null.</summary>
    public (FeatureSet Query, FeatureSet? Gallery) ReadBoth(string path)
    {
        using var file = new ArrayFile(path);
        if (Find(file, "query", 0, features) is not null)
        {
            var query = Read(file, "query", null, null);
            return (query, Read(file, "gallery", null, null));
        }
        if (Find(file, null, 0, features) is not null) return (Read(file, null, null, null), null);
        throw file.Explain(
            $"it has no features under a known name (query_feat and gallery_feat, query_f and gallery_f, features, ...); it has "
            + $"{string.Join(", ", file.Names.Select(name => name.Length == 0 ? "one array without a name" : name))}. "
            + "Name them by --names, or give --query and --gallery.");
    }

    /// <summary>Reads one set from its own files.</summary>
    /// <param name="role">query, gallery or mquery: a name such as query_feat is tried first, then feat.</param>
    /// <param name="from">Its files.</param>
    public FeatureSet Read(string role, SetFiles from)
    {
        using var file = new ArrayFile(from.Features);
        return Read(file, Find(file, role, 0, features) is null ? null : role, from.Ids, from.Cameras);
    }

    private FeatureSet Read(ArrayFile file, string? role, string? idFile, string? cameraFile)
    {
        using var scope = NewDisposeScope();
        var vectors = file.Read(Find(file, role, 0, features) ?? throw Missing("features", 0, features));
        if (vectors.dim() != 2 || !vectors.is_floating_point() || vectors.size(1) == 0)
            throw file.Explain(
                $"features must be numbers with a point, [images, length], got {vectors.dtype} [{string.Join(", ", vectors.shape)}].");
        // Half precision is widened without loss, because products in it are slow or inexact on a CPU.
        if (vectors.dtype is ScalarType.Float16 or ScalarType.BFloat16) vectors = vectors.to(ScalarType.Float32);
        var identities = idFile is not null ? Whole(idFile) : file.ReadWhole(Find(file, role, 1, ids)
            ?? throw Missing("identities", 1, ids));
        var views = cameraFile is not null ? Whole(cameraFile) : Find(file, role, 2, cameras) is { } name ? file.ReadWhole(name) : null;
        foreach (var (what, count) in new[] { ("identities", identities.Length), ("cameras", views?.Length ?? identities.Length) })
            if (count != vectors.size(0)) throw file.Explain(
                $"there are {vectors.size(0)} features of {role ?? "pictures"} and {count} {what}.");
        var paths = files.Select(name => file.ReadText(role is null ? name : $"{role}_{name}")).FirstOrDefault(text => text is not null);
        if (paths is not null && paths.Length != identities.Length) paths = null;
        return new FeatureSet(new EmbeddingSet(vectors.alias(), identities, views), paths);

        UserErrorException Missing(string what, int place, string[] known) =>
            file.Explain($"it has no {what} of {role ?? "pictures"} under a known name ("
            + $"{string.Join(", ", Candidates(role, place, known))}); it has {string.Join(", ", file.Names)}.");

        static long[] Whole(string path)
        {
            using var other = new ArrayFile(path);
            return other.Names.Count == 1 ? other.ReadWhole(other.Names.Single())
                : throw other.Explain("it has several arrays; one was expected.");
        }
    }

    private string? Find(ArrayFile file, string? role, int place, string[] known)
    {
        // A .npy file has features and no names.
        if (place == 0 && role is null && file.Names.Count == 1 && file.Names.Contains(ArrayFile.Only)) return ArrayFile.Only;
        return Candidates(role, place, known).FirstOrDefault(file.Names.Contains);
    }

    private IEnumerable<string> Candidates(string? role, int place, string[] known) =>
        Names is not null ? Names.Skip(place).Take(1).Select(name => name.Replace("*", role ?? "", StringComparison.Ordinal))
        : known.Select(name => role is null ? name : $"{role}_{name}");
}
