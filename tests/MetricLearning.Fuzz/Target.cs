namespace MetricLearning.Fuzz;

/// <summary>How the bytes of a file are packed, so that a mutation can change what is inside.</summary>
internal enum Packing
{
    /// <summary>As they are.</summary>
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

/// <summary>A reader and good files for it.</summary>
/// <param name="Name">What faults are reported under.</param>
/// <param name="Path">The file that is written before each trial.</param>
/// <param name="Packing">How the files are packed.</param>
/// <param name="Seeds">Files that the reader takes.</param>
/// <param name="Read">Reads the file, and frees what it gave.</param>
/// <param name="Growth">The memory that the reader may take for a small file, in bytes; the settings of its limits say how much.</param>
/// <param name="NamesFiles">Whether the file names other files, which may then be missing.</param>
internal sealed record Target(string Name, string Path, Packing Packing, byte[][] Seeds, Action<string> Read, long Growth = 0,
    bool NamesFiles = false)
{
    /// <summary>The folder that the reader gets, if it is not given the file alone.</summary>
    public string? Folder { get; init; }

    /// <summary>Every message must have this. A message about a dataset may name any file of its folder.</summary>
    public string Place => Folder ?? Path;
}
