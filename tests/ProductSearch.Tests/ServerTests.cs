using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using MetricLearning.Vision.Tests;

namespace ProductSearch.Tests;

/// <summary>Tests the server as browsers and programs use it.</summary>
public sealed class ServerTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static Uri Address(string path) => new(path, UriKind.Relative);

    [Fact]
    public async Task APicture_IsAnswered_WithTheMostSimilarProducts_EachOnce_AndTheSameEveryTime()
    {
        var picture = await server.Example(0);
        var answer = await RunningServer.Answer(await server.Search(picture, "?count=30"));
        Assert.Equal(30, answer.Results.Count);
        Assert.Equal(30, answer.Results.Select(result => result.Id).Distinct().Count());
        Assert.Equal(answer.Results.Select(result => result.Score).OrderDescending(), answer.Results.Select(result => result.Score));
        Assert.All(answer.Results, result => Assert.InRange(result.Score, -1, 1));
        Assert.NotNull(answer.Answer);
        Assert.True(answer.Answer.Kind is "match" or "unsure" or "none", answer.Answer.Kind);
        var again = await RunningServer.Answer(await server.Search(picture, "?count=30"));
        Assert.Equal(answer.Results.Select(result => (result.Id, result.Score)), again.Results.Select(result => (result.Id, result.Score)));
    }

    [Fact]
    public async Task ManyRequestsAtOnce_GiveWhatOneGives()
    {
        var pictures = await Task.WhenAll(Enumerable.Range(0, 6).Select(server.Example));
        var alone = new List<string>();
        foreach (var picture in pictures) alone.Add(await Ids(picture));
        var together = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Ids(pictures[i % pictures.Length])));
        for (var i = 0; i < together.Length; i++) Assert.Equal(alone[i % pictures.Length], together[i]);

        async Task<string> Ids(byte[] picture) => string.Join(' ', (await RunningServer.Answer(await server.Search(picture))).Results
            .Select(result => $"{result.Id} {result.Score:R}"));
    }

    [Fact]
    public async Task ATag_LeavesOnlyItsProducts_AndAllOfThem()
    {
        var picture = await server.Example(1);
        var answer = await RunningServer.Answer(await server.Search(picture, "?tag=kitchen&count=200"));
        Assert.All(answer.Results, result => Assert.Contains("kitchen", result.Tags));
        var everything = await RunningServer.Answer(await server.Search(picture, "?count=200"));
        Assert.Equal(everything.Results.Where(result => result.Tags.Contains("kitchen")).Select(result => result.Id),
            answer.Results.Select(result => result.Id));
        Assert.Empty((await RunningServer.Answer(await server.Search(picture, "?tag=no-such-tag"))).Results);
        // The decision is about the whole catalogue.
        Assert.Null(answer.Answer);
        Assert.NotNull(everything.Answer);
    }

    [Fact]
    public async Task AProduct_LeadsToOthersLikeIt_AndHasAPicture()
    {
        var first = (await RunningServer.Answer(await server.Search(await server.Example(2)))).Results[0];
        var like = await RunningServer.Answer(await server.Client.GetAsync(Address($"api/products/{first.Id}/similar?count=5")));
        Assert.Equal(5, like.Results.Count);
        Assert.DoesNotContain(first.Id, like.Results.Select(result => result.Id));
        Assert.Null(like.Answer);
        var picture = await server.Client.GetAsync(Address(first.Picture));
        Assert.Equal("image/jpeg", picture.Content.Headers.ContentType!.MediaType);
        Assert.Equal([0xFF, 0xD8], (await picture.Content.ReadAsByteArrayAsync())[..2]);
    }

    [Fact]
    public async Task EveryAddressThatAnswersGet_AnswersHead_ButTheEvents()
    {
        foreach (var (path, status) in new[]
        {
            ("", HttpStatusCode.OK), ("health", HttpStatusCode.OK), ("api/examples/0", HttpStatusCode.OK),
            ("api/products/none/similar", HttpStatusCode.NotFound), ("api/events", HttpStatusCode.MethodNotAllowed),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, Address(path));
            var head = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal((path, status), (path, head.StatusCode));
            Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
    }

    [Theory]
    [InlineData("api/products/none/similar")]
    [InlineData("api/products/none/picture")]
    [InlineData("api/examples/1000000")]
    [InlineData("api/examples/2147483647")]
    [InlineData("api/examples/-1")]
    [InlineData("api/products/..%2F..%2Fnetwork/picture")]
    public async Task AnUnknownProductOrExample_IsNotFound(string path) =>
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync(Address(path))).StatusCode);

    [Fact]
    public async Task AFileThatIsNotAPicture_IsRefusedWithAReason()
    {
        foreach (var bytes in new byte[][] { [], [1, 2, 3], "<html>"u8.ToArray(), (await server.Example(3))[..200] })
        {
            var response = await server.Search(bytes);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.StartsWith("The upload: ", await RunningServer.Reason(response), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("201")]
    [InlineData("-1")]
    [InlineData("many")]
    [InlineData("1.5")]
    [InlineData("99999999999999999999")]
    [InlineData("")]
    public async Task ACountThatIsNone_IsRefusedWithAReason(string count)
    {
        foreach (var response in new[]
        {
            await server.Search(await server.Example(3), $"?count={count}"),
            await server.Client.GetAsync(Address($"api/products/drawn-1-0000/similar?count={count}")),
        })
        {
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Contains($"from 1 to 200, got '{count}'", await RunningServer.Reason(response), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", HttpStatusCode.BadRequest)]
    [InlineData("folder", HttpStatusCode.BadRequest)]
    [InlineData("{\"folder\":1}", HttpStatusCode.BadRequest)]
    [InlineData("{\"folder\":", HttpStatusCode.BadRequest)]
    [InlineData("[]", HttpStatusCode.BadRequest)]
    [InlineData("{\"folder\":\"a\\ud800\"}", HttpStatusCode.BadRequest)]
    [InlineData("{\"folder\":\"missing\"}", HttpStatusCode.BadRequest, "application/json; charset=no-such-charset", "There is no folder ")]
    [InlineData("null", HttpStatusCode.BadRequest, "application/json", "A folder is needed.")]
    [InlineData("folder=cups", HttpStatusCode.UnsupportedMediaType, "application/x-www-form-urlencoded")]
    public async Task ABodyThatIsNoFolder_IsRefusedWithAReason(string body, HttpStatusCode status, string type = "application/json",
        string reason = "Send the folder as JSON")
    {
        using var content = new StringContent(body);
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        var response = await server.Client.PostAsync(Address("api/index"), content);
        Assert.Equal(status, response.StatusCode);
        Assert.StartsWith(reason, await RunningServer.Reason(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AHugePicture_IsRefused_BeforeItIsDecoded()
    {
        // A PNG of 60,000 x 60,000 pixels, 14 GB, of which it has the first row.
        const int side = 60_000;
        var response = await server.Search(PngFile.Make(side, side, bits: 8, color: 2, [new byte[3 * side]]));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("pixels", await RunningServer.Reason(response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherPagesAndOtherNames_AreRefused()
    {
        using var foreign = new HttpRequestMessage(HttpMethod.Post, "api/index")
        {
            Content = JsonContent.Create(new { folder = server.Photos }), Headers = { { "Origin", "http://elsewhere.example" } },
        };
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.SendAsync(foreign)).StatusCode);
        using var site = new HttpRequestMessage(HttpMethod.Delete, "api/index") { Headers = { { "Sec-Fetch-Site", "cross-site" } } };
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Client.SendAsync(site)).StatusCode);
        using var name = new HttpRequestMessage(HttpMethod.Get, "health") { Headers = { Host = "elsewhere.example" } };
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Client.SendAsync(name)).StatusCode);
    }

    [Fact]
    public async Task ThePage_IsServed_AndMayLoadNothingFromElsewhere()
    {
        foreach (var (path, type) in new[] { ("", "text/html"), ("app.js", "text/javascript"), ("style.css", "text/css") })
        {
            var response = await server.Client.GetAsync(Address(path));
            Assert.Equal(type, response.Content.Headers.ContentType!.MediaType);
            Assert.Contains("default-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync(Address("health"))).StatusCode);
    }

    [Fact]
    public async Task AFolder_BecomesProducts_OnlyOnce_AndFilesThatAreNotPicturesAreCounted()
    {
        await using var own = await RunningServer.StartOwnAsync();
        var shelf = Directory.CreateDirectory(Path.Combine(own.Photos, "my shelf", "cups"));
        var pictures = new[] { await own.Example(4), await own.Example(5) };
        for (var i = 0; i < 2; i++) File.WriteAllBytes(Path.Combine(shelf.FullName, $"cup_{i}.jpg"), pictures[i]);
        File.WriteAllText(Path.Combine(shelf.FullName, "broken.jpg"), "no picture");
        File.WriteAllText(Path.Combine(shelf.FullName, "notes.txt"), "no picture either");

        Assert.Equal(HttpStatusCode.Accepted, (await Index(own, Path.Combine(own.Photos, "my shelf"))).StatusCode);
        Assert.Equal("2 pictures added, 1 could not be read.", await RunningServer.AddedAsync(own.Board));
        var found = await RunningServer.Answer(await own.Search(pictures[0], "?tag=cups"));
        Assert.Equal("cup 0", found.Results[0].Name);
        Assert.Equal(["my shelf", "cups"], found.Results[0].Tags);
        Assert.Equal(1, found.Results[0].Score, 1e-6);
        Assert.Equal(RunningServer.Products + 2, own.Board.Current.Count);

        Assert.Equal(HttpStatusCode.Accepted, (await Index(own, "my shelf")).StatusCode);
        Assert.Equal("0 pictures added, 2 were there already, 1 could not be read.", await RunningServer.AddedAsync(own.Board));
    }

    [Fact]
    public async Task AFolderOutside_IsRefused_AlsoThroughALink()
    {
        Directory.CreateSymbolicLink(Path.Combine(server.Photos, "link"), server.Outside);
        foreach (var folder in new[] { server.Outside, "../outside", "/", "link", Path.Combine(server.Photos, "..", "no-such-folder") })
        {
            var response = await Index(server, folder);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.StartsWith("Only folders in ", await RunningServer.Reason(response), StringComparison.Ordinal);
        }
        Assert.StartsWith("There is no folder ", await RunningServer.Reason(await Index(server, "missing")), StringComparison.Ordinal);
        Assert.Equal("A folder is needed.", await RunningServer.Reason(await Index(server, " ")));
    }

    [Fact]
    public async Task Events_TellTheStateAtOnce()
    {
        await using var stream = await server.Client.GetStreamAsync(Address("api/events"));
        using var reader = new StreamReader(stream);
        var line = await reader.ReadLineAsync(TestContext.Current.CancellationToken);
        using var status = JsonDocument.Parse(line!["data: ".Length..]);
        Assert.Equal(RunningServer.Products, status.RootElement.GetProperty("count").GetInt32());
        Assert.Contains("mug", status.RootElement.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString()));
    }

    private static Task<HttpResponseMessage> Index(RunningServer at, string folder) =>
        at.Client.PostAsJsonAsync("api/index", new { folder });
}
