using System.Security.Cryptography;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>A file that keeps the features of an extraction batch by batch, so that one which was stopped goes on where it was.</summary>
/// <remarks>
/// Give it to <see cref="ImageLoader.Extract"/>: the result is the same to the bit as that of an unbroken extraction, on the same machine
/// and with the same number of threads. A batch is in the file wholly or not at all, whenever the program stops. Delete it when the
/// features are safe elsewhere.
/// </remarks>
public sealed class ExtractionJournal
{
    /// <summary>A journal in a file, which need not be there yet.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">All that the features depend on beside pictures, their size and the batch size: the weights, the layer, the views.
    /// A journal with another key is refused.</param>
    public ExtractionJournal(string path, string key = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(key);
        (Path, Key) = (path, key);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the features depend on.</summary>
    public string Key { get; }

    /// <summary>Deletes the file, if it is there.</summary>
    public void Delete() => File.Delete(Path);

    internal JournalFile Open(ImageLoader loader, int batchSize) => new(Path, Fingerprint(loader, batchSize));

    private byte[] Fingerprint(ImageLoader loader, int batchSize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add($"{batchSize} {loader.Transform.Height}x{loader.Transform.Width} {loader.Images.Count} {Key}");
        foreach (var image in loader.Images) Add($"{image.Identity} {image.Camera} {image.Path}");
        return hash.GetHashAndReset();

        void Add(FormattableString text)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant(text)));
            hash.AppendData([0]);
        }
    }
}
