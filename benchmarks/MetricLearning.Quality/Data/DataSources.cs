using System.Globalization;
using MetricLearning.Testing;
using MetricLearning.Vision;
using PersonReId.Synthetic;

namespace MetricLearning.Quality;

/// <summary>Makes the data of a kind once, divides it by identity, and keeps it in artifacts/quality.</summary>
internal static class DataSources
{
    private static readonly string[] partNames = ["train", "validation", "test"];
    private static readonly string checkpoint = Shared("checkpoints", "osnet_x0_25_msmt17.safetensors");
    private const double TrainShare = 0.6, ValidationShare = 0.35;      // of all identities, and of the others

    /// <summary>The data; null if its source is not here.</summary>
    /// <param name="kind">The kind of data.</param>
    /// <param name="quick">Whether a few identities are enough. Nothing is kept then.</param>
    public static QualityData? Load(DataKind kind, bool quick)
    {
        var (channels, height, width) = kind switch
        {
            DataKind.Features => (512, 1, 1), DataKind.Drawings => (1, 28, 28), _ => (3, 64, 32),
        };
        if (MissingFiles(kind).Any()) return null;
        var folder = quick ? Directory.CreateTempSubdirectory("quality").FullName
            : Path.Combine(Repository.Root, "artifacts", "quality");
        try
        {
            var parts = partNames
                .Select(part => Path.Combine(folder, $"{kind.ToString().ToLowerInvariant()}-{part}.safetensors")).ToArray();
            if (!parts.All(File.Exists))
            {
                Directory.CreateDirectory(folder);
                Make(kind, quick, folder, parts);
            }
            return new QualityData(kind, channels, height, width, EmbeddingSet.Load(parts[0]), EmbeddingSet.Load(parts[1]),
                EmbeddingSet.Load(parts[2]));
        }
        finally
        {
            if (quick) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Why there is no data of a kind.</summary>
    public static string Missing(DataKind kind) => $"{kind}: skipped, because there is no {string.Join(" and no ", MissingFiles(kind))}";

    private static IEnumerable<string> MissingFiles(DataKind kind) =>
        new[] { Source(kind), kind == DataKind.Features ? checkpoint : null }.OfType<string>().Where(file => !File.Exists(file));

    /// <summary>The file that a kind is read from; null if the kind is drawn.</summary>
    private static string? Source(DataKind kind) => kind switch
    {
        DataKind.Features => Shared("market1501-a.zip"),
        DataKind.Drawings => Shared("omniglot_images_background_small1.zip"),
        _ => null,
    };

    private static string Shared(params string[] parts) =>
        Path.Combine([Repository.Shared ?? "shared", "data", .. parts]);

    private static void Make(DataKind kind, bool quick, string folder, string[] parts)
    {
        using var archive = Source(kind) is { } file ? new ImageArchive(file) : null;
        var pedestrians = Path.Combine(folder, "pedestrians");
        var all = kind switch
        {
            DataKind.Features => Sample(archive!, PersonOf),
            DataKind.Drawings => Sample(archive!, CharacterOf),
            _ => Drawn(pedestrians, quick),
        };
        if (quick)
        {
            var few = all.Identities.Distinct().Take(20).ToHashSet();
            all = all.Where(picture => few.Contains(picture.Identity));
        }
        var (train, others) = all.SplitIdentities(TrainShare, seed: 1);
        var (validation, test) = others.SplitIdentities(ValidationShare, seed: 2);
        using var network = kind == DataKind.Features ? Published() : null;
        foreach (var (list, path) in new[] { train, validation, test }.Zip(parts))
        {
            using var set = Numbers(kind, list, network);
            set.Save(path);
        }
        // Only the process for this kind deletes them, because it draws them. A process for another kind may run at the same moment.
        if (kind == DataKind.Pedestrians) Directory.Delete(pedestrians, recursive: true);
    }

    private static EmbeddingSet Numbers(DataKind kind, ImageList list, EmbeddingModel? network)
    {
        var transform = kind switch
        {
            DataKind.Features => ImageTransform.ForEvaluation(),
            DataKind.Drawings => ImageTransform.ForEvaluation(28, 28, Normalize.Gray(0.5f, 0.5f)),
            _ => ImageTransform.ForEvaluation(64, 32),
        };
        return new ImageLoader(list, transform).Extract(
            images => network is null ? images.flatten(1).clone() : network.Embed(images));
    }

    private static EmbeddingModel Published()
    {
        var network = EmbeddingModel.TorchReId(OSNet.X025());
        var report = network.LoadWeights(checkpoint, strict: false, rename: WeightNames.TorchReId());
        if (report.Missing.Count > 0) throw new InvalidDataException($"The weights of OSNet lack {string.Join(", ", report.Missing)}.");
        network.eval();
        return network;
    }

    private static ImageList Sample(ImageArchive archive, Func<string, (string Identity, long Camera)> of)
    {
        var numbers = new Dictionary<string, long>();
        return new ImageList(archive.Names.Select(name =>
        {
            var (identity, camera) = of(name);
            if (!numbers.TryGetValue(identity, out var number)) numbers.Add(identity, number = numbers.Count);
            return archive.Image(name, number, camera);
        }), hasCameras: archive.Names.Any(name => of(name).Camera != 0));
    }

    /// <summary>Reads a name such as <c>market1501-a/query/0002_c1s1_000451_03.jpg</c>.</summary>
    private static (string Identity, long Camera) PersonOf(string name)
    {
        var parts = Path.GetFileName(name).Split('_', 'c', 's');
        return (parts[0], long.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    /// <summary>Reads a name such as <c>images_background_small1/Korean/character26/0668_01.png</c>.</summary>
    private static (string Identity, long Camera) CharacterOf(string name) => (Path.GetDirectoryName(name)!, 0);

    private static ImageList Drawn(string folder, bool quick)
    {
        // Only the training part is used: it has neither distractors nor junk.
        new SyntheticPedestrians { TrainIdentities = quick ? 20 : 260, TestIdentities = 2 }.DrawTo(folder);
        return ImageList.FromNamedFiles(Path.Combine(folder, "bounding_box_train"));
    }
}
