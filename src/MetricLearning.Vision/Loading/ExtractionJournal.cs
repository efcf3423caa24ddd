using System.Security.Cryptography;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>A file that stores the features of an extraction batch by batch. An extraction that was stopped continues from
/// it.</summary>
/// <remarks>
/// Pass it to <see cref="ImageLoader.Extract"/>. On the same machine and with the same number of threads, the result is bit for bit that of
/// an extraction without a break. If the program stops while it writes a batch, the next extraction drops the incomplete batch and computes
/// it again. Delete the file when the features are saved elsewhere. Thread safety: immutable, but only one extraction at a time can have
/// the file open.
/// </remarks>
public sealed class ExtractionJournal
{
    /// <summary>Names the file of a journal. The file need not exist yet.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="key">Everything that the features depend on besides the images, their size and the batch size: the weights, the layer,
    /// the views, the other settings of the transform. A journal with another key is refused. Default: empty.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty, or <paramref name="key"/> is null or has half of a
    /// surrogate pair.</exception>
    public ExtractionJournal(string path, string key = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(key);
        (Path, Key) = (path, UnicodeText.Require(key, nameof(key)));
    }

    /// <summary>The path of the file.</summary>
    public string Path { get; }

    /// <summary>A text that identifies what the features depend on.</summary>
    public string Key { get; }

    /// <summary>Deletes the file, if it exists.</summary>
    /// <exception cref="IOException">The file could not be deleted.</exception>
    public void Delete() => File.Delete(Path);

    internal JournalFile Open(ImageLoader loader, int batchSize) => new(Path, Fingerprint(loader, batchSize), loader.Images.Count);

    private byte[] Fingerprint(ImageLoader loader, int batchSize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"{batchSize} {loader.Transform.Space} {loader.Images.Count} {Key}");
        Add($"{string.Join(' ', loader.Transform.Steps.Select(step => step.GetType().Name))}");
        foreach (var image in loader.Images) Add($"{image.Identity} {image.Camera} {image.Path}");
        return hash.GetHashAndReset();

        void Add(FormattableString text)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant(text)));
            hash.AppendData([0]);
        }
    }
}
