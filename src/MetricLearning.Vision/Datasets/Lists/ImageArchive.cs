using System.IO.Compression;

namespace MetricLearning.Vision;

/// <summary>The images in a zip file. They are read straight from the archive; nothing is unpacked to disk.</summary>
/// <remarks>An image's path is the path of the archive followed by the name of the entry. Thread safety: any number of threads may use it
/// and decode its images at once; they take turns to read bytes. A thread that reads while another one disposes it gets an
/// <see cref="ObjectDisposedException"/>.</remarks>
/// <example><code>
/// using var archive = new ImageArchive("Market-1501.zip");
/// var train = archive.FromNamedFiles("Market-1501/bounding_box_train/");
/// </code></example>
public sealed class ImageArchive : IDisposable
{
    private readonly object gate = new();
    private readonly ZipArchive zip;
    private readonly Dictionary<string, ZipArchiveEntry> entries = new(StringComparer.Ordinal);
    private readonly string[] foreign;
    private volatile bool isDisposed;

    /// <summary>Opens a zip file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not a zip file, or two of its images have the same name. The message has the
    /// path.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public ImageArchive(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        InputFile.RefuseFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
        Path = path;
        var file = File.OpenRead(path);
        try
        {
            // The archive is read when its entries are asked for.
            zip = Named(path, () => ZipDirectory.Open(file, leaveOpen: false));
            foreach (var entry in Visible(path).Where(entry => ImageFolder.IsImage(entry.Name)))
                if (!entries.TryAdd(entry.FullName, entry))
                    throw new InvalidDataException($"{path} has two entries {MessageText.Excerpt(entry.FullName)}.");
        }
        catch
        {
            file.Dispose();
            throw;
        }
        foreign = [.. Visible(path).Where(entry => ImageFolder.IsForeign(entry.Name)).Select(entry => entry.FullName)];
        Names = [.. entries.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>The path of the zip file.</summary>
    public string Path { get; }

    /// <summary>The names of the images, in ordinal order: <c>query/0001_c1s1_001051_00.jpg</c>. Hidden files, files in hidden folders, and
    /// files whose extension is not that of an image are left out.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Gives one image of the archive.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="identity">The person or thing that the image shows, −1 or greater. Default: 0.</param>
    /// <param name="camera">The camera, 0 or greater. Default: 0.</param>
    /// <exception cref="ArgumentException">There is no such image, or a number is below its minimum.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is null.</exception>
    public ImageSample Image(string name, long identity = 0, long camera = 0)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        ArgumentNullException.ThrowIfNull(name);
        if (!entries.TryGetValue(name, out var entry))
            throw new ArgumentException($"name must be that of an image in {Path}, got {name}. {NearNames.Describe(name, entries.Keys)}",
                nameof(name));
        return new ImageSample($"{Path}/{name}", identity, camera)
        {
            Open = () =>
            {
                ObjectDisposedException.ThrowIf(isDisposed, this);
                return Named($"{Path}/{MessageText.Excerpt(name)}", () => !entry.IsEncrypted ? new EntryStream(entry, this)
                    : throw new InvalidDataException("it is encrypted, which is not supported: pack the archive without a password."));
            },
        };
    }

    /// <summary>Lists the images of one folder of the archive and of its subfolders, without identities.</summary>
    /// <param name="folder">The beginning of their names, such as <c>query/</c>. Default: empty, all images.</param>
    /// <exception cref="ArgumentNullException"><paramref name="folder"/> is null.</exception>
    /// <exception cref="InvalidDataException">There are no such images, or some have a format that is not supported.</exception>
    public ImageList Images(string folder = "") => ImageList.WithoutIdentities(In(folder));

    /// <summary>Lists the images of one folder of the archive and of its subfolders. Their names begin with identity and camera: see
    /// <see cref="ImageList.FromNamedFiles"/>.</summary>
    /// <param name="folder">The beginning of their names, such as <c>query/</c>. Default: empty, all images.</param>
    /// <param name="keepJunk">Whether images of identity −1 stay in the list. Default: false.</param>
    /// <exception cref="ArgumentNullException"><paramref name="folder"/> is null.</exception>
    /// <exception cref="InvalidDataException">There are no such images, some have a format that is not supported, or some names do not
    /// parse.</exception>
    public ImageList FromNamedFiles(string folder = "", bool keepJunk = false) =>
        ImageList.Named($"{Path}/{folder}", In(folder), keepJunk);

    /// <summary>Closes the zip file.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            zip.Dispose();
        }
    }

    /// <summary>The entries that are neither hidden nor in a hidden folder.</summary>
    private IEnumerable<ZipArchiveEntry> Visible(string path) => Named(path, () => zip.Entries)
        .Where(entry => !Array.Exists(entry.FullName.Split('/'), ImageFolder.IsHidden));

    /// <summary>Adds the name of the file or the entry to each error of the zip reader.</summary>
    private static T Named<T>(string place, Func<T> read)
    {
        try
        {
            return InputFile.Naming(place, read);
        }
        catch (Exception e) when (e is NotSupportedException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException($"{place}: {MessageText.Message(e.Message)}", e);
        }
    }

    private ImageSample[] In(string folder)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        ArgumentNullException.ThrowIfNull(folder);
        ImageFolder.RefuseForeign(Path, [.. foreign.Where(name => name.StartsWith(folder, StringComparison.Ordinal))]);
        ImageSample[] found = [.. Names.Where(name => name.StartsWith(folder, StringComparison.Ordinal)).Select(name => Image(name))];
        return found.Length > 0 ? found
            : throw new InvalidDataException($"There are no images whose names begin with \"{folder}\" in {Path}, only "
                + $"{MessageText.Some(Names)}.");
    }

    /// <summary>An entry, read while no other thread reads the same file.</summary>
    private sealed class EntryStream : ReadOnlyStream
    {
        private readonly ImageArchive archive;
        private readonly Stream source;

        public EntryStream(ZipArchiveEntry entry, ImageArchive archive)
        {
            this.archive = archive;
            lock (archive.gate)
            {
                ObjectDisposedException.ThrowIf(archive.isDisposed, archive);
                source = entry.Open();
            }
        }

        public override int Read(Span<byte> buffer)
        {
            lock (archive.gate)
            {
                ObjectDisposedException.ThrowIf(archive.isDisposed, archive);
                return source.Read(buffer);
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) source.Dispose();
            base.Dispose(disposing);
        }
    }
}
