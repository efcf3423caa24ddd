using MetricLearning;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace PersonReId;

/// <summary>A larger network that a small one learns from: the features that it gave the training images, as the command extract stores
/// them.</summary>
/// <remarks>The student sees its own random crops; the teacher saw the images as they are. The student learns the distances, the angles and
/// the rankings among the images of a batch, so the embeddings of both may have any length.</remarks>
internal sealed class Teacher : IDisposable
{
    public const string Part = "teacher";
    private readonly RelationDistillationLoss relations = new();
    private readonly RankingDistillationLoss rankings = new();
    private readonly Tensor features;   // [images of the training list, D]

    private Teacher(Tensor features, double weight) => (this.features, Weight) = (features, weight);

    /// <summary>The weight of the teacher beside the losses of the recipe.</summary>
    public double Weight { get; }

    /// <summary>Reads the features of a training list.</summary>
    /// <exception cref="UserErrorException">The file has no features of one of the images, or they are not finite.</exception>
    public static Teacher Read(TeacherSettings settings, DataSource source, ImageList train, Device device)
    {
        using var parts = FeatureFile.Read(settings.File.FullName);
        var part = parts.Find("train") ?? throw new UserErrorException(
            $"{settings.File} has no features of training images: extract --set train writes them.");
        var rows = (part.Files ?? []).Select((file, row) => (file, row)).ToDictionary(entry => entry.file, entry => (long)entry.row);
        var order = train.Select(image => rows.TryGetValue(source.PathOf(image), out var row) ? row : throw new UserErrorException(
            $"{settings.File} has no features of {source.PathOf(image)}: extract them from the images of --data.")).ToArray();
        using var scope = NewDisposeScope();
        var features = part.Set.Features.index_select(0, tensor(order)).to(ScalarType.Float32);
        if (Array.IndexOf(features.isfinite().all(1).data<bool>().ToArray(), false) is >= 0 and var bad) throw new UserErrorException(
            $"{settings.File}: the features of {source.PathOf(train[bad])} are NaN or infinite.");
        return new Teacher(features.to(device).DetachFromDisposeScope(), settings.Weight);
    }

    /// <summary>Computes how much the distances, angles and rankings among the features of a batch differ from those of the
    /// teacher.</summary>
    /// <param name="student">[N, D] with gradient.</param>
    /// <param name="images">The N rows of the training list.</param>
    public Tensor Loss(Tensor student, IReadOnlyList<int> images)
    {
        using var scope = NewDisposeScope();
        var teacher = features.index_select(0, tensor(images.Select(row => (long)row).ToArray(), device: features.device));
        return relations.call(student, teacher).Plus(rankings.call(student, teacher)).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        features.Dispose();
        relations.Dispose();
        rankings.Dispose();
    }
}

/// <summary>The features of the larger network and their weight.</summary>
/// <param name="File">The file that the command extract wrote.</param>
/// <param name="Weight">The weight beside the losses of the recipe.</param>
internal sealed record TeacherSettings(FileInfo File, double Weight);
