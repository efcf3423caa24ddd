using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MetricLearning;
using MetricLearning.Onnx.Runtime.Tests;
using MetricLearning.Samples;
using MetricLearning.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace EmbeddingService.Tests;

/// <summary>Tests what a server says that cannot listen where it is told to.</summary>
public sealed class ListeningTests
{
    /// <summary>An address of documentation, which no computer has (RFC 5737).</summary>
    private const string Foreign = "192.0.2.1";

    /// <summary>The templates take the addresses of ASP.NET: <c>ASPNETCORE_URLS</c> or <c>--urls</c>.</summary>
    [Theory]
    [InlineData($"http://{Foreign}:5000")]
    [InlineData("http://127.0.0.1:99999")]
    [InlineData("http://127.0.0.1:-1")]
    [InlineData("http://")]
    [InlineData("nonsense")]
    [InlineData("ftp://127.0.0.1:5000")]
    [InlineData("http://127.0.0.1:0/path")]
    [InlineData("http://unix:/missing-folder/socket")]
    [InlineData("https://127.0.0.1:0", "dev-certs")]
    public async Task AnAddressOfAspNet_IsNamed(string address, string reason = "")
    {
        await using var app = Server(address);
        var error = await Assert.ThrowsAsync<IOException>(
            () => Listening.StartAsync(app, address, TestContext.Current.CancellationToken));
        Assert.Contains(address, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task ATakenPort_IsNamed()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"http://{other.LocalEndpoint}";
        await using var app = Server(address);
        var error = await Assert.ThrowsAsync<IOException>(
            () => Listening.StartAsync(app, address, TestContext.Current.CancellationToken));
        Assert.Contains($"{other.LocalEndpoint}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AStartThatIsStopped_IsNoMistake()
    {
        await using var app = Server("http://127.0.0.1:0");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Listening.StartAsync(app, "http://127.0.0.1:0", new CancellationToken(canceled: true)));
    }

    /// <summary>The program itself, as a user starts it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheProgram_NamesTheAddress(bool isTaken)
    {
        var folder = Directory.CreateTempSubdirectory("listening").FullName;
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var place = isTaken ? $"127.0.0.1:{port}" : $"{Foreign}:{port}";
        var network = MeanColor.Planes(folder, new EmbeddingSpace { Mean = [0, 0, 0], Deviation = [1, 1, 1], Dimension = 3 });
        var (code, _, error) = SampleProgram.Run("EmbeddingService", "--model", network, "--address", place.Split(':')[0], "--port",
            $"{port}");
        Directory.Delete(folder, recursive: true);
        Assert.Equal(1, code);
        Assert.Matches($@"^error: .*{Regex.Escape(place)}\b.*\n$", error);
    }

    private static WebApplication Server(string address)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(address);
        return builder.Build();
    }
}
