namespace EvaluateFeatures;

/// <summary>A folder of images, and the folders inside it. No file outside it is ever found, whatever a file of features names.</summary>
internal sealed class ImageFolder
{
    private readonly string folder;
    private readonly ILookup<string, string> files;

    public ImageFolder(DirectoryInfo folder)
    {
        this.folder = folder.FullName;
        files = folder.EnumerateFiles("*", SearchOption.AllDirectories).ToLookup(file => file.Name, file => file.FullName);
    }

    /// <summary>Finds the file of an image.</summary>
    /// <param name="name">Its path relative to the folder, its file name, or its path in another place, where the features were
    /// computed. Of several files of that name, the path that ends as the given one does is taken.</param>
    /// <exception cref="UserErrorException">There is no such file, or there are several that fit equally well.</exception>
    public string Find(string name)
    {
        var wanted = Parts(name);
        var fitting = files[wanted[^1]].GroupBy(path => CommonEnd(Parts(Path.GetRelativePath(folder, path)), wanted))
            .MaxBy(group => group.Key)?.ToList() ?? [];
        // The path itself may have the longest end in common with others that lie deeper: a/1.jpg and b/a/1.jpg.
        if (fitting.Count > 1 && fitting.Find(path => path == Path.GetFullPath(name, folder)) is { } exact) return exact;
        return fitting switch
        {
            [var path] => path,
            [] => throw new UserErrorException($"--images: there is no {name} in {folder}."),
            [var one, var two, ..] => throw new UserErrorException(
                $"--images: {name} may be {one} or {two}. Give the folder that the names in the file are relative to."),
        };
    }

    private static string[] Parts(string path) => path.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } parts
        ? parts : [""];

    private static int CommonEnd(string[] one, string[] two) =>
        one.Reverse().Zip(two.Reverse()).TakeWhile(pair => pair.First == pair.Second).Count();
}
