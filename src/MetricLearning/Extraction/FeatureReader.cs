using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads features with their identities and cameras from files of this library and of others: <c>.npz</c>, <c>.npy</c>,
/// <c>.safetensors</c>, <c>.mat</c>, <c>.csv</c>.</summary>
/// <remarks>
/// <para>A file may hold queries and gallery, or one set. The usual names are known: <c>query_feat</c>, <c>query_pid</c>,
/// <c>query_cam</c>, <c>query_files</c>; <c>gallery_f</c>, <c>gallery_label</c>, <c>gallery_cam</c>; <c>qf</c>, <c>q_pids</c>,
/// <c>q_camids</c>, <c>gf</c>, …; <c>features</c>, <c>ids</c>, <c>cameras</c>. Set <see cref="Names"/> for other names. A <c>.npy</c> file
/// has one set; its identities and cameras are in the columns <c>pid</c> and <c>cam</c> of the <c>.csv</c> file next to it, or in their own
/// files. Its embedding space is in the file <c>x.npy.space.json</c> next to it, if there is one.</para>
/// <para>A <c>.csv</c> file has one set, as pandas writes it. Its first line names the columns. Columns whose names are one prefix and the
/// numbers 0, 1, 2, … or 1, 2, 3, … are one array of float32: <c>0</c> to <c>511</c> are <c>features</c>, and <c>feat_0</c> to
/// <c>feat_511</c> are <c>feat</c>. Identities, cameras and files are columns with their usual names, such as <c>pid</c>, <c>cam</c> and
/// <c>file</c>.</para>
/// <para>Features are [N, D], or [N, D, 1, 1]. Integer features become float32 if float32 can represent all of them. Identities and cameras
/// are whole numbers of any type, or texts, none of them empty. Floating-point ones must be so small that their type has
/// every whole number up to them, such as 2²⁴ for float32. If all texts of a set are whole numbers, they are numbers: <c>0007</c> is
/// 7. Otherwise they are names, which become 1, 2, … in the order of their first occurrence; only <c>-1</c>, the identity of junk, stays
/// −1. The same name has the same number in all files that one reader reads, so read the files of queries and gallery with one reader. It
/// refuses names in one set and numbers in another. <see cref="FeaturePart.IdentityNames"/> has the names.</para>
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class FeatureReader
{
    private readonly NameNumbers identityNumbers = new("identities"), cameraNumbers = new("cameras");
    private FeatureColumns columns = new(null);

    /// <summary>The names of the arrays, which a file must then have. Default: null, the usual names, among which cameras may be
    /// absent.</summary>
    public FeatureNames? Names
    {
        get;
        init => columns = new FeatureColumns(field = value);
    }

    /// <summary>The largest memory of an array in bytes; eight times the file's length if that is more. Default: 1 GiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public long MaxBytes { get; init => field = Guard.AtLeast(value, 1); } = GrowthLimit.DefaultBytes;

    /// <summary>Reads all sets of a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The sets, which the caller disposes. If the file has several sets, those other than query and gallery that have no
    /// identities are left out.</returns>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is of another format or damaged, it has no features under a known name, or
    /// identities or cameras with a given name are missing, or they do not fit. The message names the file and what it has.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public FeatureParts Read(string path) => OrUnchanged(() => In(path, arrays =>
    {
        var found = new List<FeaturePart>();
        try
        {
            var sets = columns.Sets(arrays.Names).ToList();
            foreach (var set in sets)
                if (set is "query" or "gallery" || sets.Count == 1 || Find(arrays, set, FeatureColumn.Identities) is not null)
                    found.Add(Part(arrays, set, set, null, null, []));
            if (found.Count == 0) throw NoFeatures(arrays, "");
            return new FeatureParts(found, Unread(arrays, sets, found[0].Set.Features.size(1)));
        }
        catch
        {
            foreach (var part in found) part.Dispose();
            throw;
        }
    }));

    /// <summary>Reads one set, whose identities and cameras may be in files of their own.</summary>
    /// <param name="name">The name of the set, such as <c>query</c>. Arrays whose names begin with it are used first, then those without a
    /// set's name.</param>
    /// <param name="path">The file of the features.</param>
    /// <param name="identities">A file with one array, the identities; null if they are in the file of the features.</param>
    /// <param name="cameras">A file with one array, the cameras; null if they are in the file of the features, or there are none.</param>
    /// <returns>The set, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="ArgumentNullException">The name is null.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A file is of another format or damaged, it has no features under a known name, or
    /// identities or cameras with a given name are missing, or they do not fit. The message names the file and what it has.</exception>
    /// <exception cref="IOException">A file cannot be read; the message names it.</exception>
    public FeaturePart ReadPart(string name, string path, string? identities = null, string? cameras = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        return OrUnchanged(() =>
        {
            var notes = new List<string>();
            var people = InOwnFile(identities, identityNumbers, notes);
            var views = InOwnFile(cameras, cameraNumbers, notes);
            return In(path, arrays =>
            {
                var sets = columns.Sets(arrays.Names).ToList();
                var set = sets.Contains(name) ? name : sets.Contains("") ? "" : throw NoFeatures(arrays, name);
                return Part(arrays, set, name, people, views, notes);
            });
        });

        long[]? InOwnFile(string? file, NameNumbers numbers, List<string> notes) =>
            file is null ? null : In(file, arrays => Whole(arrays, OnlyArray(arrays), numbers, notes));
    }

    /// <summary>Reads. A reading that fails leaves the numbers of names as they were.</summary>
    private T OrUnchanged<T>(Func<T> read)
    {
        var (people, views) = (identityNumbers.State, cameraNumbers.State);
        try
        {
            return read();
        }
        catch
        {
            identityNumbers.Restore(people);
            cameraNumbers.Restore(views);
            throw;
        }
    }

    private T In<T>(string path, Func<FeatureArrays, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        InputFile.RefuseFolder(path, "a file of features");
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
        return InputFile.Naming(path, () =>
        {
            using var arrays = new FeatureArrays(path, MaxBytes, columns.Knows);
            return read(arrays);
        });
    }

    private FeaturePart Part(FeatureArrays arrays, string set, string name, long[]? people, long[]? views, List<string> notes)
    {
        using var scope = NewDisposeScope();
        var vectors = Vectors(arrays, Find(arrays, set, FeatureColumn.Features) ?? throw NoFeatures(arrays, name));
        var rows = vectors.size(0);
        people ??= Column(FeatureColumn.Identities, identityNumbers) ?? throw Missing(FeatureColumn.Identities, "identities");
        views ??= Column(FeatureColumn.Cameras, cameraNumbers)
            ?? (Names?.Cameras is null ? null : throw Missing(FeatureColumn.Cameras, "cameras"));
        if (people.Length != rows) throw new InvalidDataException(people.Length == vectors.size(1)
            ? $"there are {people.Length} identities{Of(name)} and features {Guard.Shape(vectors)}: write one row for each image"
            : $"there are {rows} features{Of(name)} and {people.Length} identities");
        if (views is not null && views.Length != rows)
            throw new InvalidDataException($"there are {rows} features{Of(name)} and {views.Length} cameras");
        var paths = Paths(arrays, set, people.Length, notes);
        var space = arrays.Space is { } json ? EmbeddingSpace.Parse(json) : null;
        return new(name, new EmbeddingSet(vectors.alias(), people, views) { Space = space }, paths, identityNumbers.Names, notes);

        long[]? Column(FeatureColumn column, NameNumbers numbers) =>
            Find(arrays, set, column) is { } found ? Whole(arrays, found, numbers, notes) : null;

        InvalidDataException Missing(FeatureColumn column, string what)
        {
            var known = Names is null ? "under a known name" : "under the given name";
            var wanted = columns.Described(column, set);
            return new(!arrays.IsNpy ? $"it has no {what}{Of(name)} {known} ({wanted}); it has {arrays.Described}"
                : arrays.List is { } list ? $"it has no {what}{Of(name)}: next to it is {list.Described}, and it needs a column {known} "
                    + $"({wanted}){(Names is null ? ", such as the first line file,pid,cam" : "")}"
                : $"a .npy file has no {what}{Of(name)}: give them in a .csv file next to it, with the columns file, pid and cam, or in a "
                    + $"file of their own, by {nameof(FeatureReader)}.{nameof(ReadPart)}");
        }
    }

    private static string Of(string name) => name.Length == 0 ? "" : $" of {MessageText.Excerpt(name)}";

    private static Tensor Vectors(FeatureArrays arrays, string name)
    {
        var read = arrays.Read(name);
        var shape = read.shape;
        if (shape.Length < 2 || shape[1] == 0 || shape.Skip(2).Any(size => size != 1) || read.dtype == ScalarType.Bool)
            throw new InvalidDataException($"features must be numbers [images, length], got {read.dtype} {Guard.Shape(read)}");
        var flat = read.reshape(shape[0], shape[1]);
        if (flat.is_floating_point()) return flat;
        var wide = flat.to(ScalarType.Float32);
        return wide.to(flat.dtype).Equals(flat) ? wide
            : throw new InvalidDataException($"features of {flat.dtype} must be numbers that float32 holds exactly; save them as float64");
    }

    /// <summary>Reads whole numbers of any type in one dimension, or texts. A matrix of one row or one column is accepted too, because
    /// MATLAB writes lists so.</summary>
    private static long[] Whole(FeatureArrays arrays, string name, NameNumbers numbers, List<string> notes)
    {
        var called = arrays.Called(name);
        if (arrays.Text(name) is { } texts) return numbers.Of(texts, called, notes);
        using var scope = NewDisposeScope();
        var read = arrays.Read(name);
        if (read.shape.Count(size => size != 1) > 1)
            throw new InvalidDataException($"{called} has the shape {Guard.Shape(read)}, and must be a list");
        if (read.dtype == ScalarType.Bool) throw new InvalidDataException($"{called} holds yes and no, and must hold whole numbers");
        var whole = read.to(ScalarType.Int64);
        if (read.is_floating_point() && !whole.to(read.dtype).Equals(read))
            throw new InvalidDataException($"{called} holds numbers that are not whole");
        if (read.is_floating_point() && read.numel() > 0 && read.abs().max().to(ScalarType.Float64).item<double>() is var largest
            && largest >= 1 / finfo(read.dtype).eps * 2) throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"{called} holds {read.dtype} numbers up to {largest:R}. This type does not have every whole number of that size, so "
                + $"different entries may have become equal; save them as integers or as texts"));
        return numbers.Of([.. whole.contiguous().data<long>()]);
    }

    /// <summary>Reads the images of the rows. Figures do not need them, so an unusable list only adds a note.</summary>
    private string[]? Paths(FeatureArrays arrays, string set, int rows, List<string> notes)
    {
        var called = "the list next to it";
        try
        {
            if (Find(arrays, set, FeatureColumn.Files) is not { } name) return null;
            called = arrays.Called(name);
            var paths = arrays.Text(name);
            if (paths?.Length == rows) return paths;
            notes.Add(paths is null ? $"{called} holds no text, so the images have no names."
                : string.Create(CultureInfo.InvariantCulture, $"{called} has {paths.Length} names for {rows} images, so it is not used."));
        }
        catch (InvalidDataException e)
        {
            notes.Add($"{called} cannot be read, so the images have no names: {MessageText.Message(e.Message)}");
        }
        return null;
    }

    private string? Find(FeatureArrays arrays, string set, FeatureColumn column) =>
        column == FeatureColumn.Features && set.Length == 0 && arrays.IsNpy ? FeatureArrays.Only
            : columns.NamesOf(column, set).FirstOrDefault(arrays.Has);

    /// <summary>Finds the arrays that may be features but are not a known column.</summary>
    private IReadOnlyList<string> Unread(FeatureArrays arrays, List<string> sets, long width)
    {
        var known = sets.SelectMany(set => Enum.GetValues<FeatureColumn>().SelectMany(column => columns.NamesOf(column, set)))
            .ToHashSet(StringComparer.Ordinal);
        return [.. arrays.Names.Where(name => name != FeatureArrays.Only && !known.Contains(name) && arrays.MayBeFeatures(name, width))];
    }

    private static string OnlyArray(FeatureArrays arrays) => arrays.Names.Count == 1 ? arrays.Names.First()
        : throw new InvalidDataException($"one array was expected, and it has {arrays.Described}");

    private InvalidDataException NoFeatures(FeatureArrays arrays, string set) => new(Names is { } names
        ? $"it has no features{Of(set)} named {MessageText.Excerpt(names.Features)}; it has {arrays.Described}"
        : $"it has no features{Of(set)} under a known name (query_feat and gallery_feat, qf and gf, features, ...); it has "
            + $"{arrays.Described}. {nameof(FeatureReader)}.{nameof(Names)} takes other names");
}
