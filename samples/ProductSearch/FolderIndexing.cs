using MetricLearning;
using MetricLearning.Vision;

namespace ProductSearch;

/// <summary>Adds the pictures of a folder to the catalogue in the background. It adds one folder at a time. At its end the program
/// stops the addition and waits for it, because the addition uses the network.</summary>
internal sealed class FolderIndexing(Settings settings, StatusBoard board, Startup startup, IHostApplicationLifetime program,
    ILogger<FolderIndexing> log) : IAsyncDisposable
{
    private const int AtOnce = 16;
    private static readonly HashSet<string> extensions = new([".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif"],
        StringComparer.OrdinalIgnoreCase);

    private readonly Lock gate = new();
    private CancellationTokenSource? running;
    private Task addition = Task.CompletedTask;

    /// <summary>Starts to add a folder, and returns at once.</summary>
    /// <returns>The reason why it cannot start; null if it has started.</returns>
    public string? Begin(string folder)
    {
        if (startup.Engine is not { } engine) return "The catalogue is not ready yet.";
        if (Allowed(folder, out var path) is { } refused) return refused;
        lock (gate)
        {
            if (running is not null) return "Another folder is being added.";
            running = CancellationTokenSource.CreateLinkedTokenSource(program.ApplicationStopping);
            // The message about the last folder would look like one about this folder.
            board.Set(old => old with { Message = null });
            addition = Task.Run(() => RunAsync(engine, path, running.Token));
        }
        return null;
    }

    /// <summary>Stops the running addition. Pictures that have been added stay.</summary>
    public void Stop()
    {
        lock (gate) running?.Cancel();
    }

    /// <summary>Stops the running addition, and waits for its end.</summary>
    public async ValueTask DisposeAsync()
    {
        Stop();
        await addition;
    }

    /// <summary>Checks that a folder exists, and that it lies, after links are followed, in the folder whose subfolders the page may
    /// add.</summary>
    private string? Allowed(string folder, out string path)
    {
        path = "";
        if (!Directory.Exists(settings.Photos.FullName))
            return $"There is no folder {settings.Photos.FullName} any more. Start the program with --photos to name another.";
        var allowed = RealPath.Of(settings.Photos.FullName);
        if (folder.Contains('\0', StringComparison.Ordinal)) return "This is not the name of a folder.";
        var whole = Path.GetFullPath(folder.StartsWith('~')
            ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + folder[1..] : folder, settings.Photos.FullName);
        // A folder outside is not checked for existence, because the answer must not tell what exists there.
        if (!RealPath.Contains(settings.Photos.FullName, whole) && !RealPath.Contains(allowed, whole)) return Outside();
        if (!Directory.Exists(whole)) return $"There is no folder {whole}.";
        path = RealPath.Of(whole);
        return RealPath.Contains(allowed, path) ? null : Outside();

        string Outside() => $"Only folders in {settings.Photos.FullName} can be added. Start the program with --photos to allow another.";
    }

    private async Task RunAsync(Engine engine, string path, CancellationToken cancellationToken)
    {
        var (added, unreadable, known) = (0, 0, 0);
        var how = "";
        var picture = new Picture { MaxPixels = Uploads.MaxPixels };
        try
        {
            var files = Files(path, cancellationToken);
            for (var first = 0; first < files.Length; first += AtOnce)
            {
                cancellationToken.ThrowIfCancellationRequested();
                board.Show($"Adding {Path.GetFileName(path)}", (double)first / files.Length, canStop: true,
                    $"{first} of {files.Length} pictures");
                // One picture after the other, on this thread alone: the other threads answer searches, and a photo takes 100 MB.
                var fresh = new Dictionary<string, (Item, IReadOnlyList<float[]>)>(StringComparer.Ordinal);
                foreach (var file in files.Skip(first).Take(AtOnce))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (Read(path, file, picture) is not { } item) unreadable++;
                    else if (fresh.ContainsKey(item.Id) || engine.Catalogue.Find(item.Id) is not null) known++;
                    else
                    {
                        engine.Catalogue.Show(item, picture);
                        fresh.Add(item.Id, (item, [engine.Embedder.Embed(picture)]));
                    }
                }
                await engine.Catalogue.AddAsync([.. fresh.Values]);
                added += fresh.Count;
                board.Set(old => old with { Count = engine.Catalogue.Count, Tags = engine.Catalogue.Tags });
            }
            if (added > 0) await engine.Judge.LearnAsync(board, canStop: true, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            how = "Stopped. ";
        }
#pragma warning disable CA1031 // Nobody sees an exception of this task, so the page and the log must tell every error.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Log.CannotGoOn(log, e);
            how = $"It could not continue: {App.MessageOf(e).TrimEnd('.')}. ";
        }
        var message = $"{how}{added} {(added == 1 ? "picture" : "pictures")} added{(known > 0 ? $", {known} were there already" : "")}"
            + $"{(unreadable > 0 ? $", {unreadable} could not be read" : "")}.";
        lock (gate)
        {
            running!.Dispose();
            running = null;
            board.Set(old => old with { Activity = null, Detail = null, Share = null, CanStop = false, Message = message });
        }
    }

    private static string[] Files(string path, CancellationToken cancellationToken) =>
    [
        .. Directory.EnumerateFiles(path, "*", new EnumerationOptions
        {
            RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device,
        }).Where(file =>
        {
            // A large tree takes long to read.
            cancellationToken.ThrowIfCancellationRequested();
            return extensions.Contains(Path.GetExtension(file)) && !IsInHiddenFolder(path, file);
        }).Order(StringComparer.Ordinal),
    ];

    /// <summary>Whether a file is in a hidden folder below the root, such as <c>.thumbnails</c> or <c>@eaDir</c>, which holds copies of
    /// pictures.</summary>
    private static bool IsInHiddenFolder(string root, string file) => Path.GetRelativePath(root, Path.GetDirectoryName(file)!)
        .Split(Path.DirectorySeparatorChar)
        .Any(name => (name.Length > 1 && name[0] == '.') || name is "@eaDir" or "#recycle" or "$RECYCLE.BIN" or "__MACOSX");

    /// <summary>The name of a picture: that of its file without the ending, or the whole one if nothing else is left.</summary>
    private static string NameOf(string file) => Path.GetFileNameWithoutExtension(file).Replace('_', ' ').Trim() is { Length: > 0 } name
        ? name : Path.GetFileName(file);

    /// <summary>Reads one picture as a product. Its name is the file's, and its tags are the names of the folders around it.</summary>
    /// <returns>The product; null if the file is not a picture that can be read.</returns>
    private static Item? Read(string root, string file, Picture picture)
    {
        try
        {
            // A pipe has the length 0, and nobody may ever write to it.
            if (new FileInfo(file).Length is 0 or > Uploads.MaxBytes) return null;
            var bytes = File.ReadAllBytes(file);
            ImageDecoder.Decode(bytes, picture);
            var folders = Path.GetDirectoryName(Path.GetRelativePath(Path.GetDirectoryName(root) ?? root, file))!;
            return new Item(Catalogue.KeyOf(bytes), NameOf(file),
                [.. folders.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries)], Pictures: 1);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
