using System.Net;
using MetricLearning;
using MetricLearning.Onnx.Runtime.Tests;

namespace EmbeddingService.Tests;

/// <summary>Tests that services whose vectors cannot be compared have different fingerprints.</summary>
public sealed class FingerprintTests : IDisposable
{
    private static readonly EmbeddingSpace given = new() { Mean = [0, 0, 0], Deviation = [1, 1, 1] };

    private readonly string folder = Directory.CreateTempSubdirectory("embedding-service").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("fingerprint-of-the-weights")]
    public void SettingsThatCompleteTheSpace_ChangeTheFingerprint(string? stated)
    {
        var network = MeanColor.Planes(folder, new EmbeddingSpace { Fingerprint = stated });
        var plain = FingerprintOf(network, given);
        Assert.Equal(plain, FingerprintOf(network, given));
        Assert.NotEqual(plain, FingerprintOf(network, given with { Mean = [0.5f, 0, 0] }));
        Assert.NotEqual(plain, FingerprintOf(network, given with { Normalized = true }));
    }

    [Fact]
    public void AFileThatStatesEverything_KeepsItsFingerprint() => Assert.Equal("fingerprint-of-the-weights",
        FingerprintOf(MeanColor.Planes(folder, given with { Fingerprint = "fingerprint-of-the-weights" }), new EmbeddingSpace()));

    [Fact]
    public void WeightsInFilesOfTheirOwn_AreFound()
    {
        var path = Path.Combine(folder, "network.onnx");
        byte[] entries = [.. Field(13, Field(1, "location"u8), Field(2, "weights.data"u8)),
            .. Field(13, Field(1, "offset"u8), Field(2, "0"u8))];
        File.WriteAllBytes(path, Field(7, Field(5, entries), Field(5, Field(8, "a weight in the file itself"u8)), Field(5, entries)));
        Assert.Equal([Path.Combine(folder, "weights.data")], OnnxMessage.ExternalWeights(path));
        Assert.Empty(OnnxMessage.ExternalWeights(MeanColor.Planes(folder)));
    }

    private static string FingerprintOf(string network, EmbeddingSpace space)
    {
        using var served = new ServedNetwork(new Settings
        {
            Network = network, Place = new IPEndPoint(IPAddress.Loopback, 0), Space = space,
        });
        return served.Space.Fingerprint!;
    }

    /// <summary>A short field of a protobuf message.</summary>
    private static byte[] Field(int number, ReadOnlySpan<byte> content) =>
        [(byte)((number << 3) | 2), checked((byte)content.Length), .. content];

    private static byte[] Field(int number, params byte[][] parts) => Field(number, parts.SelectMany(part => part).ToArray().AsSpan());
}
