namespace MetricLearning.Fuzz;

/// <summary>The packing of a file, which a mutation must undo to change the content.</summary>
internal enum Packing
{
    /// <summary>Not packed.</summary>
    None,

    /// <summary>Lines of text.</summary>
    Text,

    /// <summary>A zip archive.</summary>
    Zip,

    /// <summary>A MATLAB file with compressed elements.</summary>
    Matlab,

    /// <summary>Chunks of PNG, each with a checksum.</summary>
    Png,
}

/// <summary>A reader and valid files for it.</summary>
/// <param name="Name">The name under which faults are reported.</param>
/// <param name="Path">The path to which each trial writes the file.</param>
/// <param name="Packing">How the files are packed.</param>
/// <param name="Seeds">Files that the reader accepts.</param>
/// <param name="Read">Reads the file, and disposes the result.</param>
/// <param name="Growth">The memory in bytes that this reader may use in addition to what every reader may use. It follows from the limits
/// that are set.</param>
/// <param name="NamesFiles">Whether the file names other files, which may then be missing.</param>
internal sealed record Target(string Name, string Path, Packing Packing, byte[][] Seeds, Action<string> Read, long Growth = 0,
    bool NamesFiles = false)
{
    /// <summary>The folder that the reader gets, if it reads a folder and not a single file.</summary>
    public string? Folder { get; init; }

    /// <summary>The text that every message must contain. A message about a dataset may name any file of its folder.</summary>
    public string Place => Folder ?? Path;
}
