using System.Text.Json;

namespace PersonReId.Synthetic;

/// <summary>A folder of drawn images. A file beside them names the settings that they were drawn by, so that images which this program did
/// not draw are never deleted.</summary>
internal sealed class DrawnFolder(string folder)
{
    private const string Mark = "drawn.json", Unfinished = ".drawing";
    private static readonly string[] parts = ["bounding_box_train", "query", "bounding_box_test"];

    private string MarkFile => Path.Combine(folder, Mark);

    /// <summary>Checks that drawing would delete no images but those of this program.</summary>
    /// <exception cref="UserErrorException">There are others.</exception>
    public void CheckOwn()
    {
        if (!File.Exists(MarkFile) && parts.FirstOrDefault(part => Path.Exists(Path.Combine(folder, part))) is { } part)
            throw new UserErrorException($"{folder} holds a folder {part}, and this program did not draw its images. Take another "
                + "--output, or delete the folder.");
    }

    /// <summary>Whether the folder holds the images of the settings, and all of them.</summary>
    public bool Holds(SyntheticPedestrians people) => File.Exists(MarkFile) && File.ReadAllText(MarkFile) == MarkOf(people);

    /// <summary>Creates the empty folders that the images are drawn to, and returns the folder that they are in.</summary>
    public string Begin()
    {
        var unfinished = Path.Combine(folder, Unfinished);
        if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
        foreach (var part in parts) Directory.CreateDirectory(Path.Combine(unfinished, part));
        return unfinished;
    }

    /// <summary>Puts the images in the place of the earlier ones.</summary>
    public void Replace(string unfinished, SyntheticPedestrians people)
    {
        File.WriteAllText(MarkFile, "");    // if the program is killed here, the images are still its own, but not known to be whole
        foreach (var part in parts)
        {
            var path = Path.Combine(folder, part);
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
            Directory.Move(Path.Combine(unfinished, part), path);
        }
        File.WriteAllText(MarkFile, MarkOf(people));
    }

    private static string MarkOf(SyntheticPedestrians people) => JsonSerializer.Serialize(people);
}
