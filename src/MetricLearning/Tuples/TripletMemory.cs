using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Refuses triplets that do not fit in memory. Otherwise the operating system would end the process without a message.</summary>
internal static class TripletMemory
{
    /// <summary>Requires that triplets on the CPU fit. Other devices report a lack of memory themselves.</summary>
    /// <param name="count">The number of triplets.</param>
    /// <param name="bytes">The number of bytes that making them takes.</param>
    /// <param name="device">The device of the triplets.</param>
    /// <exception cref="InvalidOperationException">They do not fit.</exception>
    public static void Require(long count, double bytes, Device device)
    {
        const double gigabyte = 1e9;
        var available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (device.type == DeviceType.CPU && available > 0 && bytes > available)
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                $"{count:N0} triplets need about {bytes / gigabyte:N0} GB of memory, more than the "
                    + $"{available / gigabyte:N0} GB of this process. Use a miner that picks fewer, such as TripletMarginMiner with a Cap "
                    + $"or BatchHardMiner, or a smaller batch."));
    }
}
