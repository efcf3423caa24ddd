namespace MetricLearning;

/// <summary>Reads a file of weights in any of the formats: PyTorch's <c>.pth</c> in all its forms, <c>.safetensors</c>, a
/// <see cref="TrainingCheckpoint"/>'s file, or the index (<c>.index.json</c>) of weights in several files. The first bytes tell which it
/// is.</summary>
/// <remarks>
/// <para>For a training checkpoint, the tensors are those of one module: "model" if there is one, otherwise the largest. The module's name
/// is removed from theirs. For an index, they are those of all files that it names, which must be in the same folder.</para>
/// <para>Other files (an HTML page, a Git LFS pointer, a gzip file and so on) are refused. The message says what the file is and what to
/// do.</para>
/// <para>Thread safety: any number of threads may read at once.</para>
/// </remarks>
public static class WeightFile
{
    /// <summary>Reads the tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="section">The part of the file that holds the tensors, one of <see cref="Sections"/>; null for the rule of
    /// <see cref="TorchCheckpointFile"/> or of the remarks.</param>
    /// <returns>The tensors by name, on the CPU. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is of none of these formats, damaged, or has no such section; the message names it
    /// and says why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, string? section = null) => InputFile.Read(path, stream =>
        ShardIndex.Of(stream) is { } index ? index.Read(path, shard => InputFile.Read(shard, part => Read(part, section)))
            : Read(stream, section));

    /// <summary>Lists the sections of a file: the dictionaries with tensors of a PyTorch checkpoint, or the modules of a training
    /// checkpoint. No tensor is read.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The sections; the one that is read by default comes first, unless several are equally good. Empty for a safetensors file of
    /// tensors alone, and for an index.</returns>
    /// <exception cref="InvalidDataException">The file is of none of these formats, or damaged; the message names it and says
    /// why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static IReadOnlyList<WeightSection> Sections(string path) => InputFile.Read(path, stream =>
        ShardIndex.Of(stream) is not null ? []
            : IsSafeTensors(stream) ? Section.Describe(SafeTensors.Sections(stream)) : TorchCheckpointFile.Sections(stream));

    private static NamedTensors Read(FileStream stream, string? section) =>
        IsSafeTensors(stream) ? SafeTensors.Read(stream, section) : TorchCheckpointFile.Read(stream, section);

    /// <summary>Whether the file is a safetensors file; false for one of PyTorch.</summary>
    /// <exception cref="InvalidDataException">It is neither.</exception>
    private static bool IsSafeTensors(FileStream stream)
    {
        Span<byte> start = stackalloc byte[ForeignFile.Sample];
        stream.Position = 0;
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (SafeTensors.MayBegin(start)) return true;
        if (TorchCheckpointFile.MayBegin(start)) return false;
        throw new InvalidDataException(ForeignFile.Describe(start) is { } foreign
            ? $"This is {foreign}. It is neither a PyTorch file nor a safetensors file."
            : "This is neither a PyTorch file nor a safetensors file.");
    }
}
