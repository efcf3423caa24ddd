namespace MetricLearning.Vision;

/// <summary>Finds the image files of a folder.</summary>
internal static class ImageFolder
{
    private static readonly HashSet<string> extensions =
        new(StringComparer.OrdinalIgnoreCase)
        {
            ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".gif", ".pbm", ".pgm", ".ppm", ".pnm",
        };

    /// <summary>Folders that a system makes and does not show: the thumbnails and the bin of Synology, the bin of Windows, and the
    /// attributes that macOS adds to archives.</summary>
    private static readonly HashSet<string> ofSystems =
        new(StringComparer.OrdinalIgnoreCase) { "@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX" };

    /// <summary>The images directly in a folder, sorted by path.</summary>
    public static string[] FilesIn(string folder)
    {
        CheckExists(folder);
        return Sorted(folder, Entries(folder, withFolders: false).Select(file => Path.Combine(folder, file.Name)));
    }

    /// <summary>The images in a folder and in all folders below it, sorted by path.</summary>
    /// <remarks>Each real folder is read once, even if several symbolic links lead to it. So a link to a parent folder neither repeats
    /// images nor causes an endless loop. Real folders come before links: an image that both reach has the path without the link. A link
    /// to a folder that contains the whole tree is not followed. Hidden folders below the root, such as <c>.ipynb_checkpoints</c>,
    /// <c>.thumbnails</c> and <c>@eaDir</c>, hold copies of images and are left out.</remarks>
    public static string[] FilesBelow(string root)
    {
        CheckExists(root);
        var files = new List<string>();
        var realRoot = RealPath.Of(root);
        var visited = new HashSet<string>(StringComparer.Ordinal);
        var links = new Queue<string>();
        Read(root, realRoot);
        while (links.TryDequeue(out var link))
            if (RealPath.Of(link) is var target && !RealPath.Contains(target, realRoot)) Read(link, target);
        return Sorted(root, files);

        void Read(string start, string realStart)
        {
            var waiting = new Stack<(string Path, string RealPath)>([(start, realStart)]);
            while (waiting.TryPop(out var folder))
            {
                if (!visited.Add(folder.RealPath)) continue;
                foreach (var entry in Entries(folder.Path, withFolders: true))
                {
                    var path = Path.Combine(folder.Path, entry.Name);
                    if (entry is FileInfo) files.Add(path);
                    else if (entry.LinkTarget is null) waiting.Push((path, Path.Combine(folder.RealPath, entry.Name)));
                    else links.Enqueue(path);
                }
            }
        }
    }

    /// <summary>The images of a folder, sorted by name. With <paramref name="withFolders"/> also its subfolders. Nothing hidden.</summary>
    private static FileSystemInfo[] Entries(string folder, bool withFolders)
    {
        var entries = new DirectoryInfo(folder).EnumerateFileSystemInfos()
            .Where(entry => entry is DirectoryInfo ? withFolders && !IsHidden(entry.Name) : IsImage(entry.Name) || IsForeign(entry.Name))
            .OrderBy(entry => entry.Name, StringComparer.Ordinal).ToArray();
        RefuseForeign(folder, [.. entries.Where(entry => entry is FileInfo && IsForeign(entry.Name)).Select(entry => entry.Name)]);
        // .NET replaces bytes that are not UTF-8 in a name. No file or folder has the resulting name, so it cannot be opened.
        var lost = entries.Where(entry => entry.Name.Contains('\uFFFD', StringComparison.Ordinal)
            && !Path.Exists(Path.Combine(folder, entry.Name))).Select(entry => entry.Name).ToArray();
        return lost.Length == 0 ? entries : throw new InvalidDataException($"{lost.Length} of {entries.Length} images and folders in " +
            $"{folder} have names that are not UTF-8, so .NET cannot open them: {MessageText.Some(lost)}. Rename them.");
    }

    /// <summary>Whether the extension of this name is that of an image and the file is not hidden.</summary>
    public static bool IsImage(string name) => extensions.Contains(Path.GetExtension(name)) && !IsHidden(name);

    /// <summary>Whether the extension of this name is that of an image format that is not supported and the file is not hidden.</summary>
    public static bool IsForeign(string name) => ForeignImage.Extensions.Contains(Path.GetExtension(name)) && !IsHidden(name);

    /// <summary>Whether a file or folder of this name is hidden.</summary>
    public static bool IsHidden(string name) => ofSystems.Contains(name) || (name.StartsWith('.') && name is not ("." or ".."));

    /// <summary>Refuses images whose format is not supported. If they were skipped silently, the list would lack images without
    /// notice.</summary>
    public static void RefuseForeign(string where, string[] names)
    {
        if (names.Length == 0) return;
        var them = names.Length == 1 ? "it" : "them";
        throw new InvalidDataException(MessageText.Counted(names.Length, $"image in {where} has", $"images in {where} have")
            + $" an unsupported format: {MessageText.Some(names)}. Save {them} as PNG or JPEG, or remove {them}.");
    }

    private static string[] Sorted(string folder, IEnumerable<string> files)
    {
        string[] sorted = [.. files.Order(StringComparer.Ordinal)];
        return sorted.Length > 0 ? sorted
            : throw new InvalidDataException(
                $"There are no images in {folder} ({string.Join(", ", extensions.Order(StringComparer.Ordinal))}).");
    }

    private static void CheckExists(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder {folder}.");
    }
}
