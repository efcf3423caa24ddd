using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MetricLearning.Tests;

namespace ProductSearch.Tests;

/// <summary>Tests what the program says if it cannot listen where it is told to.</summary>
public sealed class ListeningTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheProgram_NamesTheAddress(bool isTaken)
    {
        const string foreign = "192.0.2.1";     // an address of documentation, which no computer has (RFC 5737)
        var folder = Directory.CreateTempSubdirectory("listening").FullName;
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var address = isTaken ? "127.0.0.1" : foreign;
        var (code, _, error) = SampleProgram.Run("ProductSearch", "--data", folder, "--photos", folder, "--quick", "--address", address,
            "--port", $"{port}");
        Directory.Delete(folder, recursive: true);
        Assert.Equal(1, code);
        Assert.Matches($@"^error: .*{Regex.Escape($"{address}:{port}")}\b.*\n$", error);
    }
}
