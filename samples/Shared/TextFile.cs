namespace MetricLearning.Samples;

/// <summary>Writes the text files of programs: pages, tables, figures.</summary>
internal static class TextFile
{
    /// <summary>Writes a text file. If the program stops meanwhile, the old file stays. Missing folders are created.</summary>
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
