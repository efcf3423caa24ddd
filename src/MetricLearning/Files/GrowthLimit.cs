using System.Globalization;

namespace MetricLearning;

/// <summary>Bounds the memory that the contents of a file may take. A compressed file of a few kilobytes could otherwise become
/// gigabytes.</summary>
/// <remarks>A large file may become large: what is refused is more than both the setting and a few times the file's own length.</remarks>
/// <param name="setting">The name of the setting, for the error.</param>
/// <param name="most">The value of the setting, in bytes.</param>
/// <param name="fileLength">The length of the file, in bytes.</param>
internal sealed class GrowthLimit(string setting, long most, long fileLength)
{
    /// <summary>The default of every such setting: 1 GiB.</summary>
    public const long DefaultBytes = 1L << 30;

    /// <summary>Numbers of one byte that become numbers of eight are not compressed yet.</summary>
    private const long PlainGrowth = 8;

    private readonly Int128 largest = Int128.Max((Int128)most, (Int128)fileLength * PlainGrowth);
    private Int128 taken;

    /// <summary>Notes memory that is about to be taken.</summary>
    /// <exception cref="InvalidDataException">All that was noted is more than is allowed.</exception>
    public void Take(Int128 bytes)
    {
        taken += bytes;
        if (taken > largest)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"it would take {taken:N0} bytes of memory, from a file of {fileLength:N0}, and {largest:N0} are allowed; ")
                + $"{setting} sets how many");
    }
}
