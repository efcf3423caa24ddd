namespace MetricLearning;

/// <summary>Reads a file of weights in any of the formats: PyTorch's <c>.pth</c> (both forms) or <c>.safetensors</c>, told apart by the
/// first bytes.</summary>
/// <remarks>Thread safety: any number of threads may read at once.</remarks>
public static class WeightFile
{
    /// <summary>The tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="section">The dictionary of a PyTorch checkpoint that holds the tensors; null for the rule of
    /// <see cref="TorchCheckpointFile"/>.</param>
    /// <returns>The tensors by name, on the CPU. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is of neither format or damaged; the message names it and says why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, string? section = null) => InputFile.Read(path, stream => Read(stream, section));

    private static NamedTensors Read(FileStream stream, string? section)
    {
        // The JSON of a safetensors file starts at its ninth byte, where neither form of a PyTorch file has a brace.
        Span<byte> start = stackalloc byte[9];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read == 9 && start[8] == '{') return SafeTensors.Read(stream);
        return read == 9 && (start[0] == 0x80 || start.StartsWith("PK"u8)) ? TorchCheckpointFile.Read(stream, section)
            : throw new InvalidDataException("This is neither a PyTorch file nor a safetensors file.");
    }
}
