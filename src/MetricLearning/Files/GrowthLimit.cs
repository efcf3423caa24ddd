using System.Globalization;

namespace MetricLearning;

/// <summary>Bounds the memory that the contents of a file may take. A compressed file of a few kilobytes could otherwise become
/// gigabytes.</summary>
/// <remarks>Contents are refused only if they exceed both the setting and a few times the length of the file. So a large file may have
/// large contents.</remarks>
/// <param name="setting">The name of the setting, for the error.</param>
/// <param name="most">The value of the setting, in bytes.</param>
/// <param name="fileLength">The length of the file, in bytes.</param>
internal sealed class GrowthLimit(string setting, long most, long fileLength)
{
    /// <summary>The default of every such setting: 1 GiB.</summary>
    public const long DefaultBytes = 1L << 30;

    /// <summary>The factor that is allowed without compression: numbers of one byte may become numbers of eight bytes.</summary>
    private const long PlainGrowth = 8;

    private readonly Int128 largest = Int128.Max((Int128)most, (Int128)fileLength * PlainGrowth);
    private Int128 taken;

    /// <summary>Adds memory that is about to be allocated.</summary>
    /// <exception cref="InvalidDataException">The total is more than is allowed.</exception>
    public void Take(Int128 bytes)
    {
        taken += bytes;
        if (taken > largest)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"it needs {taken:N0} bytes of memory for a file of {fileLength:N0} bytes, but {largest:N0} are allowed; ")
                + $"{setting} sets the limit");
    }
}
