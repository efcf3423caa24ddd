namespace MetricLearning.Samples;

/// <summary>Writes what programs leave for people: pages, tables, figures.</summary>
internal static class TextFile
{
    /// <summary>Writes a whole text file or, when the program stops meanwhile, leaves the old one. Missing folders are created.</summary>
    public static void Write(string path, Action<TextWriter> write)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        AtomicFile.Write(path, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            write(writer);
        });
    }
}
