using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MetricLearning.Onnx.Runtime.Tests;

namespace EmbeddingService.Tests;

/// <summary>Tests the service at its limits, and when it stops.</summary>
public sealed class LimitTests
{
    private static readonly byte[] picture = RandomImage.Of(8, 8, seed: 1);

    [Fact]
    public async Task TooManyBytesPixelsAndPictures_AreRefused()
    {
        await using var service = await RunningService.Start(new Limits
        {
            MaxBytes = 5000, MaxRequestBytes = 12_000, MaxPixels = 400, MaxPictures = 2,
        });
        Assert.Contains("The picture may have at most 5,000 bytes", await RunningService.Refused(
            await service.Post(new byte[5001]), HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
        Assert.Contains("A request may have at most 12,000 bytes", await RunningService.Refused(
            await service.Post(new byte[12_001]), HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
        Assert.Contains("400 pixels allowed", await RunningService.Refused(
            await service.Post(RandomImage.Of(30, 30, 1)), HttpStatusCode.BadRequest), StringComparison.Ordinal);
        using var many = Form(picture, picture, picture);
        Assert.Contains("at most 2 pictures", await RunningService.Refused(
            await service.Post(many), HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
        using var large = Form(picture, new byte[5001]);
        Assert.Contains("Picture 2 may have at most 5,000 bytes", await RunningService.Refused(
            await service.Post(large), HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
        Assert.Equal(3, (await service.Vector(picture)).Length);
    }

    [Fact]
    public async Task APicture_MayBeAsLargeAsItsOwnLimit()
    {
        var large = RandomImage.Of(60, 60, seed: 2);
        await using var service = await RunningService.Start(new Limits { MaxBytes = large.Length, MaxRequestBytes = 5000 });
        Assert.Equal(3, (await service.Vector(large)).Length);
        Assert.Contains(large.Length.ToString("N0", CultureInfo.InvariantCulture), await RunningService.Refused(
            await service.Post(new byte[large.Length + 1]), HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABodyOfUnknownLength_IsRefused_WhenItBecomesTooLong()
    {
        await using var service = await RunningService.Start(new Limits { MaxBytes = 5000, MaxRequestBytes = 12_000 });
        using var stream = new StreamContent(new MemoryStream(new byte[9000]));
        using var request = new HttpRequestMessage(HttpMethod.Post, "embed")
        {
            Content = stream, Headers = { TransferEncodingChunked = true },
        };
        await RunningService.Refused(await service.Client.SendAsync(request, TestContext.Current.CancellationToken),
            HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task ASlowClient_IsRefused_AndItsPlaceIsFree()
    {
        await using var service = await RunningService.Start(new Limits { AtOnce = 1, UploadTime = TimeSpan.FromSeconds(0.2) });
        // .NET's HTTP client does not read an answer before it has sent the whole request, so this test writes to the socket itself.
        using var slow = new TcpClient(service.Client.BaseAddress!.Host, service.Client.BaseAddress.Port);
        await using var stream = slow.GetStream();
        var head = $"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: {picture.Length}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + "P6"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 408", await reader.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(3, (await service.Vector(picture)).Length);
        Assert.Contains("within 0.2 seconds", await reader.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AClientThatDisconnects_ReleasesItsPlace()
    {
        await using var service = await RunningService.Start(new Limits { AtOnce = 1 });
        using var gone = new CancellationTokenSource();
        using var held = new HeldContent(picture);
        var request = service.Client.PostAsync(new Uri("embed", UriKind.Relative), held, gone.Token);
        await Until(() => service.Places.Working == 1);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        Assert.Equal(3, (await service.Vector(picture)).Length);
        held.Release();
    }

    [Fact]
    public async Task WhenAllPlacesAreTaken_RequestsWait_AndThenAreRefused()
    {
        await using var service = await RunningService.Start(new Limits { AtOnce = 2, Waiting = 1 });
        HeldContent[] held = [new(picture), new(picture), new(picture)];
        var begun = held.Select(content => service.Post(content)).ToArray();
        await Until(() => service.Places is { Working: 2, Waiting: 1 });
        var refused = await service.Post(picture);
        Assert.Contains("Try again", await RunningService.Refused(refused, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        foreach (var content in held) content.Release();
        foreach (var request in begun) Assert.Equal(3, (await RunningService.Answer(await request)).Dimension);
        Assert.Equal(3, (await service.Vector(picture)).Length);
    }

    [Fact]
    public async Task AServiceThatStops_FinishesRunningRequests()
    {
        await using var service = await RunningService.Start();
        HeldContent[] held = [new(picture), new(picture)];
        var begun = held.Select(content => service.Post(content)).ToArray();
        await Until(() => service.Places.Working == 2);
        var stopped = service.Stop();
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.False(stopped.IsCompleted, "the service did not wait for its requests");
        foreach (var content in held) content.Release();
        foreach (var request in begun) Assert.Equal(3, (await RunningService.Answer(await request)).Dimension);
        await stopped;
        await Assert.ThrowsAsync<HttpRequestException>(() => service.Post(picture));
    }

    private static MultipartFormDataContent Form(params byte[][] pictures)
    {
        var form = new MultipartFormDataContent();
        foreach (var bytes in pictures) form.Add(RunningService.Content(bytes), "pictures");
        return form;
    }

    private static async Task Until(Func<bool> holds)
    {
        var waited = Stopwatch.StartNew();
        while (!holds())
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), "The service did not reach this state within 60 seconds.");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }
}
