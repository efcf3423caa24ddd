using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MetricLearning;
using MetricLearning.Onnx.Runtime;
using MetricLearning.Onnx.Runtime.Tests;

namespace EmbeddingService.Tests;

/// <summary>Tests the answers of the service.</summary>
public sealed class EmbedTests : IAsyncLifetime
{
    private RunningService service = null!;

    public async ValueTask InitializeAsync() => service = await RunningService.Start();

    public ValueTask DisposeAsync() => service.DisposeAsync();

    [Fact]
    public async Task APicture_GivesTheVectorOfTheEmbedder_AndItsSpace()
    {
        var picture = RandomImage.Of(20, 30, seed: 1);
        using var embedder = new OnnxEmbedder(service.Network);
        var expected = await embedder.EmbedAsync(picture, TestContext.Current.CancellationToken);
        foreach (var type in new[] { "image/x-portable-pixmap", "application/octet-stream", null })
        {
            var answer = await RunningService.Answer(await service.Post(picture, type));
            Assert.Equal(expected, answer.Embeddings.Single().Vector);
            Assert.Null(answer.Embeddings.Single().Name);
            Assert.Equal(3, answer.Dimension);
            Assert.Equal(("mean_color", "euclidean", 64), (answer.Space.Name, answer.Space.Distance, answer.Space.Fingerprint.Length));
        }
        var space = EmbeddingSpace.Parse(await service.Client.GetStringAsync(new Uri("space", UriKind.Relative)));
        Assert.Equal(embedder.Space, space with { Fingerprint = null });
    }

    [Fact]
    public async Task SeveralPictures_GiveTheirVectors_InOrder()
    {
        var pictures = Enumerable.Range(0, 5).Select(i => RandomImage.Of(9 + i, 8, (ulong)i)).ToArray();
        using var form = new MultipartFormDataContent();
        for (var i = 0; i < pictures.Length; i++) form.Add(RunningService.Content(pictures[i]), "pictures", $"picture {i}.ppm");
        var answer = await RunningService.Answer(await service.Post(form));
        Assert.Equal(Enumerable.Range(0, 5).Select(i => $"picture {i}.ppm"), answer.Embeddings.Select(embedding => embedding.Name));
        for (var i = 0; i < pictures.Length; i++) Assert.Equal(await service.Vector(pictures[i]), answer.Embeddings[i].Vector);
    }

    [Fact]
    public async Task AClientThatWantsNumbers_GetsThem()
    {
        var pictures = new[] { RandomImage.Of(9, 8, 1), RandomImage.Of(7, 8, 2) };
        using var form = new MultipartFormDataContent();
        foreach (var picture in pictures) form.Add(RunningService.Content(picture), "pictures");
        using var request = new HttpRequestMessage(HttpMethod.Post, "embed")
        {
            Content = form, Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/octet-stream") } },
        };
        var response = await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal("3", response.Headers.GetValues("Embedding-Dimension").Single());
        var bytes = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal([.. await service.Vector(pictures[0]), .. await service.Vector(pictures[1])],
            MemoryMarshal.Cast<byte, float>(bytes).ToArray());
    }

    [Fact]
    public async Task FiveHundredRequestsAtOnce_GetTheBitsOfSerialOnes()
    {
        var pictures = Enumerable.Range(0, 500).Select(i => RandomImage.Of(5 + i % 40, 7 + i % 30, (ulong)i)).ToArray();
        var serial = new List<float[]>();
        foreach (var picture in pictures) serial.Add(await service.Vector(picture));
        Assert.Equal(serial, await Task.WhenAll(pictures.Select(picture => Task.Run(() => service.Vector(picture)))));
    }

    [Fact]
    public async Task AFileThatIsNotAPicture_IsRefusedWithAReason()
    {
        var picture = RandomImage.Of(8, 8, 1);
        foreach (var (bytes, part) in new[]
        {
            (Array.Empty<byte>(), "The request has no picture: its body is empty."),
            ("no picture"u8.ToArray(), "The picture: it is not an image"), (picture[..100], "The picture: the file ends"),
        })
            Assert.StartsWith(part, await RunningService.Refused(await service.Post(bytes), HttpStatusCode.BadRequest),
                StringComparison.Ordinal);
        using var form = new MultipartFormDataContent
        {
            { RunningService.Content(picture), "pictures" }, { RunningService.Content([1, 2, 3]), "pictures" },
        };
        Assert.StartsWith("Picture 2: it is not an image", await RunningService.Refused(
            await service.Post(form), HttpStatusCode.BadRequest), StringComparison.Ordinal);
    }

    [Theory, InlineData(3e38f, "Infinity at index 0"), InlineData(0f, "zeros alone")]
    public async Task AVectorThatIsNoneOfTheSpace_IsRefused_InBothFormats(float mean, string part)
    {
        await using var broken = await RunningService.Start(space: new EmbeddingSpace
        {
            Mean = [mean, 0, 0], Deviation = [mean == 0 ? 1 : 1e-5f, 1, 1], Distance = "euclidean", Normalized = true,
        });
        var black = Encoding.ASCII.GetBytes("P6 1 1 255\n\0\0\0");
        foreach (var type in new[] { "application/json", "application/octet-stream" })
        {
            using var form = new MultipartFormDataContent { { RunningService.Content(black), "pictures" } };
            using var request = new HttpRequestMessage(HttpMethod.Post, "embed")
            {
                Content = form, Headers = { Accept = { new MediaTypeWithQualityHeaderValue(type) } },
            };
            Assert.Contains(part, await RunningService.Refused(
                await broken.Client.SendAsync(request, TestContext.Current.CancellationToken), HttpStatusCode.UnprocessableEntity),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ABomb_IsRefused_BeforeItIsDecoded()
    {
        // The start of a PNG of 60,000 x 60,000 pixels, with the right checksums: 14 GB, in 45 bytes.
        byte[] bomb = [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n', 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, 8, 2, 0, 0, 0,
            0x0F, 0xB0, 0xE2, 0x15, 0, 0, 0, 0, .. "IDAT"u8, 0x35, 0xAF, 0x06, 0x1E];
        Assert.Equal("The picture: 60000x60000 is more than the 32,000,000 pixels allowed.",
            await RunningService.Refused(await service.Post(bomb, "image/png"), HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task OtherContents_AreRefused()
    {
        foreach (var type in new[] { "application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense/" })
            Assert.StartsWith("Send one picture as the body", await RunningService.Refused(
                await service.Client.SendAsync(WithType(type), TestContext.Current.CancellationToken),
                HttpStatusCode.UnsupportedMediaType), StringComparison.Ordinal);

        static HttpRequestMessage WithType(string type)
        {
            var content = new ByteArrayContent([1, 2, 3]);
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            return new HttpRequestMessage(HttpMethod.Post, "embed") { Content = content };
        }
    }

    [Fact]
    public async Task ACompressedBody_IsRefused()
    {
        foreach (var (coding, status) in new[]
        {
            ("gzip", HttpStatusCode.UnsupportedMediaType), ("identity", HttpStatusCode.OK),
        })
        {
            var content = RunningService.Content(RandomImage.Of(8, 8, 1));
            content.Headers.ContentEncoding.Add(coding);
            var answer = await service.Post(content);
            Assert.Equal(status, answer.StatusCode);
            if (status != HttpStatusCode.OK)
                Assert.StartsWith("Send pictures without Content-Encoding", await RunningService.Refused(answer, status),
                    StringComparison.Ordinal);
        }
    }

    /// <summary>Monitors and proxies ask with HEAD whether an address works. The document names each address once.</summary>
    [Fact]
    public async Task EveryAddressThatAnswersGet_AnswersHead()
    {
        foreach (var path in new[] { "space", "health/live", "health/ready", "metrics", "openapi/v1.json" })
        {
            var whole = await service.Get(path);
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            var head = await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal((HttpStatusCode.OK, whole.Content.Headers.ContentType), (head.StatusCode, head.Content.Headers.ContentType));
            Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
        using var wrong = new HttpRequestMessage(HttpMethod.Delete, "space");
        Assert.Equal(["GET", "HEAD"],
            (await service.Client.SendAsync(wrong, TestContext.Current.CancellationToken)).Content.Headers.Allow.Order());
        using var document = JsonDocument.Parse(await service.Client.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)));
        Assert.Equal(["get"], document.RootElement.GetProperty("paths").GetProperty("/space").EnumerateObject().Select(each => each.Name));
    }

    [Theory]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhalf", "does not end")]
    [InlineData("--b--\r\n", "no picture")]
    [InlineData("", "does not end")]
    public async Task ABrokenForm_IsRefused(string body, string part) => Assert.Contains(part, await RunningService.Refused(
        await service.Post(Encoding.ASCII.GetBytes(body), "multipart/form-data; boundary=b"), HttpStatusCode.BadRequest),
        StringComparison.Ordinal);

    [Fact]
    public async Task AFormWithoutABoundary_IsRefused() => Assert.Contains("boundary", await RunningService.Refused(
        await service.Post([1, 2, 3], "multipart/form-data"), HttpStatusCode.BadRequest), StringComparison.Ordinal);

    [Fact]
    public async Task WrongAddressesMethodsAndPages_AreRefused()
    {
        await RunningService.Refused(await service.Get("nothing"), HttpStatusCode.NotFound);
        await RunningService.Refused(await service.Get("embed"), HttpStatusCode.MethodNotAllowed);
        using var foreign = new HttpRequestMessage(HttpMethod.Post, "embed")
        {
            Content = RunningService.Content(RandomImage.Of(8, 8, 1)), Headers = { { "Origin", "http://elsewhere.example" } },
        };
        await RunningService.Refused(await service.Client.SendAsync(foreign, TestContext.Current.CancellationToken),
            HttpStatusCode.Forbidden);
        using var name = new HttpRequestMessage(HttpMethod.Get, "space") { Headers = { Host = "elsewhere.example" } };
        Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.SendAsync(name, TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Health_Metrics_AndTheDocument_AreServed()
    {
        foreach (var (path, status) in new[] { ("health/live", "alive"), ("health/ready", "ready") })
        {
            using var health = JsonDocument.Parse(await service.Client.GetStringAsync(new Uri(path, UriKind.Relative)));
            Assert.Equal(status, health.RootElement.GetProperty("status").GetString());
        }
        await service.Vector(RandomImage.Of(8, 8, 1));
        await RunningService.Refused(await service.Post([1, 2, 3]), HttpStatusCode.BadRequest);
        var metrics = await service.Client.GetStringAsync(new Uri("metrics", UriKind.Relative));
        foreach (var name in new[] { "pictures", "refusals", "duration", "working", "waiting" })
            Assert.Contains($"embedding_service_{name}", metrics, StringComparison.Ordinal);
        Assert.Contains("kind=\"picture\"", metrics, StringComparison.Ordinal);

        using var document = JsonDocument.Parse(await service.Client.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)));
        var embed = document.RootElement.GetProperty("paths").GetProperty("/embed").GetProperty("post");
        Assert.Equal(["image/*", "application/octet-stream", "multipart/form-data"], embed.GetProperty("requestBody").GetProperty("content")
            .EnumerateObject().Select(type => type.Name));
        Assert.Equal(["200", "400", "408", "413", "415", "422", "503"],
            embed.GetProperty("responses").EnumerateObject().Select(code => code.Name));
    }

    [Fact]
    public async Task NoLibtorch_IsInTheProcess()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "looks at /proc");
        await service.Vector(RandomImage.Of(8, 8, 1));
        var loaded = await File.ReadAllTextAsync("/proc/self/maps", TestContext.Current.CancellationToken);
        Assert.Contains("libonnxruntime", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("LibTorchSharp", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("libtorch", loaded, StringComparison.Ordinal);
    }
}
