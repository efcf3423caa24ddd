using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;

namespace ProductSearch.Tests;

/// <summary>Tests the addition of folders: names, messages and errors.</summary>
public sealed class FolderTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Theory]
    [InlineData(".jpg", ".jpg")]
    [InlineData("_.jpg", "_.jpg")]
    [InlineData("IMG_1.jpg", "IMG 1")]
    public async Task APicture_HasTheNameOfItsFile_AndSearchesFindIt(string file, string name)
    {
        var shelf = Directory.CreateDirectory(Path.Combine(server.Photos, $"shelf of {file}"));
        var picture = await server.Example(file.Length);
        File.WriteAllBytes(Path.Combine(shelf.FullName, file), picture);
        Assert.Equal("1 picture added.", await AddAsync(shelf.Name));
        var found = await RunningServer.Answer(await server.Search(picture));
        Assert.Equal(name, found.Results[0].Name);
        // The network of the tests is small. With each picture that tests add, it has fewer right results to learn an answer from.
        if (found.Answer is { } answer) Assert.Contains(name, answer.Title + answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhileAFolderIsAdded_TheMessageAboutTheLastOneIsGone_AndThenTheProgramLearnsAnew()
    {
        var judge = server.Startup.Engine!.Judge;
        foreach (var number in new[] { 30, 31 })
        {
            var shelf = Directory.CreateDirectory(Path.Combine(server.Photos, $"shelf {number}"));
            File.WriteAllBytes(Path.Combine(shelf.FullName, "cup.jpg"), await server.Example(number));
            Assert.Equal("1 picture added.", await AddAsync(shelf.Name));
            Assert.StartsWith($"{server.Board.Current.Count} items", judge.LearnedFor, StringComparison.Ordinal);
        }
        var hidden = Directory.CreateDirectory(Path.Combine(server.Photos, "empty", ".thumbnails"));
        File.WriteAllBytes(Path.Combine(hidden.FullName, "cup.jpg"), await server.Example(32));
        Assert.Equal("0 pictures added.", await AddAsync("empty"));
    }

    [Fact]
    public async Task AnUnexpectedError_IsTold_AndAnotherFolderCanBeAdded()
    {
        var root = Directory.CreateTempSubdirectory("product-search");
        await using (var app = await RunningServer.StartAsync(root, products: 6))
        {
            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            var shelf = root.CreateSubdirectory("photos/shelf");
            File.WriteAllBytes(Path.Combine(shelf.FullName, "cup.jpg"), await server.Example(0));
            app.Services.GetRequiredService<Startup>().Engine!.Embedder.Dispose();
            for (var time = 0; time < 2; time++)
            {
                var answer = await client.PostAsJsonAsync(new Uri("api/index", UriKind.Relative), new { folder = "shelf" });
                Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
                var message = await RunningServer.AddedAsync(app.Services.GetRequiredService<StatusBoard>());
                Assert.StartsWith("It could not continue: ", message, StringComparison.Ordinal);
            }
            Directory.Delete(Path.Combine(root.FullName, "photos"), recursive: true);
            var refused = await client.PostAsJsonAsync(new Uri("api/index", UriKind.Relative), new { folder = "shelf" });
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Contains("any more", await RunningServer.Reason(refused), StringComparison.Ordinal);
        }
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task TheEndOfTheProgram_WaitsForTheAddition_SoThatItCanUseTheNetwork()
    {
        var root = Directory.CreateTempSubdirectory("product-search");
        StatusBoard board;
        await using (var app = await RunningServer.StartAsync(root, products: 6))
        {
            var shelf = root.CreateSubdirectory("photos/shelf");
            var picture = await server.Example(0);
            for (var number = 0; number < 200; number++)
                File.WriteAllBytes(Path.Combine(shelf.FullName, $"{number}.jpg"), [.. picture, (byte)number]);
            board = app.Services.GetRequiredService<StatusBoard>();
            Assert.Null(app.Services.GetRequiredService<FolderIndexing>().Begin("shelf"));
            while (board.Current.Activity?.StartsWith("Adding", StringComparison.Ordinal) != true)
                await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        Assert.StartsWith("Stopped. ", board.Current.Message, StringComparison.Ordinal);
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task APipe_IsNotReadForever()
    {
        if (OperatingSystem.IsWindows()) return;
        var shelf = Directory.CreateDirectory(Path.Combine(server.Photos, "pipes"));
        using (var make = Process.Start("mkfifo", Path.Combine(shelf.FullName, "pipe.jpg")))
            await make.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("0 pictures added, 1 could not be read.", await AddAsync(shelf.Name));
    }

    /// <summary>Adds a folder, and returns the message at its end.</summary>
    private async Task<string?> AddAsync(string folder)
    {
        var answer = await server.Client.PostAsJsonAsync(new Uri("api/index", UriKind.Relative), new { folder });
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        // The message stays on the board, as it does for the page.
        await foreach (var status in server.Board.Follow(TestContext.Current.CancellationToken))
            if (status is { Activity: null, Message: not null }) return status.Message;
        return null;
    }
}
