using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MetricLearning.Fuzz;
using MetricLearning.Vision.Tests;

namespace ProductSearch.Tests;

/// <summary>Tests uploads that are too large, too slow, or not what they seem. They are sent over a plain socket, because no client library
/// would send them.</summary>
public sealed class UploadTests(RunningServer server) : IClassFixture<RunningServer>
{
    /// <summary>Half of what the data of the second bomb inflate to.</summary>
    private const long MostGrowth = 128 << 20;

    [Fact]
    public async Task AnUploadThatIsDeclaredTooLarge_IsRefused_BeforeItIsSent()
    {
        using var client = await ConnectAsync();
        await SendAsync(client, Head(100_000_000));
        Assert.StartsWith("HTTP/1.1 413", await AnswerAsync(client), StringComparison.Ordinal);
        await SearchesStillAsync();
    }

    [Fact]
    public async Task AnUploadThatGrowsTooLarge_IsCutOff()
    {
        using var client = await ConnectAsync();
        await SendAsync(client, "POST /api/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        var chunk = new byte[1 << 20];
        var sent = 0L;
        try
        {
            for (; sent < 64 << 20; sent += chunk.Length)
            {
                await SendAsync(client, "100000\r\n");
                await client.GetStream().WriteAsync(chunk, TestContext.Current.CancellationToken);
                await SendAsync(client, "\r\n");
            }
        }
        catch (IOException)
        {
            // The server has closed the connection: nobody reads the rest.
        }
        Assert.InRange(sent, Uploads.MaxBytes / 2, 63 << 20);
        await SearchesStillAsync();
    }

    [Fact]
    public async Task AClientThatSendsHardlyAnything_IsDropped_AndHoldsNobodyUp()
    {
        var slow = await Task.WhenAll(Enumerable.Range(0, Uploads.AtOnce).Select(async _ =>
        {
            var client = await ConnectAsync();
            await SendAsync(client, Head(1_000_000) + "x");
            return client;
        }));
        // All places at which pictures are read are taken by clients that send nothing. The server drops them after some seconds.
        await SearchesStillAsync();
        foreach (var client in slow)
        {
            Assert.DoesNotContain("200 OK", await AnswerAsync(client), StringComparison.Ordinal);
            client.Dispose();
        }
    }

    [Fact]
    public async Task AFalseLength_HarmsNobody()
    {
        using (var client = await ConnectAsync())
        {
            await SendAsync(client, Head(1000) + "only a little");
            client.Client.Shutdown(SocketShutdown.Send);
            Assert.DoesNotContain("200 OK", await AnswerAsync(client), StringComparison.Ordinal);
        }
        using (var client = await ConnectAsync())
        {
            await SendAsync(client, "POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 400", await AnswerAsync(client), StringComparison.Ordinal);
        }
        await SearchesStillAsync();
    }

    /// <summary>Two PNGs whose pixels inflate a thousandfold: the size of one is beyond the limit, and the data of the other continue after
    /// its last row.</summary>
    [Theory]
    [InlineData(20_000, 20_000, 1 << 20, HttpStatusCode.BadRequest)]
    [InlineData(64, 64, 256 << 20, null)]
    public async Task ACompressedBomb_IsRefusedOrRead_WithoutFillingTheMemory(int width, int height, int inflated, HttpStatusCode? expected)
    {
        var bomb = Bomb(width, height, inflated);
        Assert.InRange(bomb.Length, 0, Uploads.MaxBytes);
        // Other tests of this process may take memory at the same moment, so the best of three runs counts.
        var most = long.MaxValue;
        for (var run = 0; run < 3 && most > MostGrowth; run++)
        {
            var before = PeakMemory.Begin();
            var response = await server.Search(bomb);
            most = Math.Min(most, PeakMemory.Since(before));
            Assert.True(expected is null ? (int)response.StatusCode < 500 : response.StatusCode == expected, $"{response.StatusCode}");
        }
        Assert.True(most <= MostGrowth, $"The memory grew by {most} bytes.");
    }

    [Theory]
    [InlineData("/api/products/../../../../etc/passwd/picture")]
    [InlineData("/api/products/..%2f..%2f..%2fetc%2fpasswd/picture")]
    [InlineData("/api/products/%2e%2e%5c%2e%2e%5cnetwork/picture")]
    [InlineData("/..%2f..%2fappsettings.json")]
    [InlineData("//etc/passwd")]
    public async Task APathThatLeavesItsFolder_IsNotFound(string path)
    {
        var answer = await GetAsync(path);
        Assert.Matches("^HTTP/1.1 40[04]", answer);
        Assert.DoesNotContain("root:", answer, StringComparison.Ordinal);
    }

    /// <summary>The dots lead back to the page's own files.</summary>
    [Fact]
    public async Task DotsAtTheRoot_ChangeNothing()
    {
        var script = await server.Client.GetStringAsync(new Uri("app.js", UriKind.Relative));
        var answer = await GetAsync("/../app.js");
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n" + script, answer, StringComparison.Ordinal);
    }

    /// <summary>Returns the whole answer to a path, which an HTTP client would simplify.</summary>
    private async Task<string> GetAsync(string path)
    {
        using var client = await ConnectAsync();
        await SendAsync(client, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>A PNG whose data inflate to this number of zero bytes, independent of its stated size.</summary>
    private static byte[] Bomb(int width, int height, int inflated)
    {
        var row = new byte[(1 << 16) - 1];
        return PngFile.Make(width, height, bits: 8, color: 2, [.. Enumerable.Repeat(row, inflated >> 16)]);
    }

    private static string Head(long length) => string.Create(CultureInfo.InvariantCulture,
        $"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n");

    private async Task SearchesStillAsync() =>
        Assert.Equal(24, (await RunningServer.Answer(await server.Search(await server.Example(0)))).Results.Count);

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Client.BaseAddress!.Port, TestContext.Current.CancellationToken);
        return client;
    }

    private static async Task SendAsync(TcpClient client, string text) =>
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);

    /// <summary>Returns the first part of the answer of the server. It is empty if the server has closed or reset the connection.</summary>
    private static async Task<string> AnswerAsync(TcpClient client)
    {
        var buffer = new byte[4096];
        try
        {
            var read = await client.Client.ReceiveAsync(buffer, SocketFlags.None, TestContext.Current.CancellationToken);
            return Encoding.ASCII.GetString(buffer, 0, read);
        }
        catch (SocketException)
        {
            return "";
        }
    }
}
