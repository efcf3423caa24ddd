namespace MetricLearning;

/// <summary>Reads a file of weights whatever its format: PyTorch's <c>.pth</c> (both forms) or <c>.safetensors</c>, told apart by the first
/// bytes.</summary>
public static class WeightFile
{
    /// <summary>The tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="section">Which dictionary of a PyTorch checkpoint holds the tensors; null for the rule of
    /// <see cref="TorchCheckpointFile"/>.</param>
    /// <returns>The tensors by name, on the CPU. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is of neither format or damaged; the message says why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static NamedTensors Read(string path, string? section = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = File.OpenRead(path);
        // The JSON of a safetensors file starts at its ninth byte, where neither form of a PyTorch file has a brace.
        Span<byte> start = stackalloc byte[9];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read == 9 && start[8] == '{') return SafeTensors.Read(stream);
        return read == 9 && (start[0] == 0x80 || start.StartsWith("PK"u8)) ? TorchCheckpointFile.Read(stream, section)
            : throw new InvalidDataException($"{Path.GetFileName(path)} is neither a PyTorch file nor a safetensors file.");
    }
}
