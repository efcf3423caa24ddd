using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using MetricLearning.Samples;

namespace ProductSearch.Tests;

/// <summary>Tests what the program keeps from one start to the next.</summary>
public sealed class StoredCatalogueTests : IDisposable
{
    private const int Products = 6;
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("product-search");

    private string Pictures => Path.Combine(root.FullName, "data", "pictures");

    public void Dispose() => root.Delete(recursive: true);

    [Fact]
    public async Task ASecondStart_HasEverything_AndMakesNothingAnew()
    {
        byte[] picture;
        SearchAnswer before;
        await using (var first = await RunningServer.StartAsync(root, Products))
        {
            picture = await AddAsync(first);
            before = await SearchAsync(first, picture);
        }
        Directory.Delete(Path.Combine(root.FullName, "photos", "shelf"), recursive: true);
        // The program writes everything that it trains or draws.
        foreach (var file in Directory.GetFiles(Pictures, "drawn-*")) File.Delete(file);
        var network = Directory.GetFiles(Path.Combine(root.FullName, "data"), "*.safetensors").Single();
        var written = File.GetLastWriteTimeUtc(network);

        await using var second = await RunningServer.StartAsync(root, Products);
        var after = await SearchAsync(second, picture);
        Assert.Equal("my cup", after.Results[0].Name);
        Assert.Equal(before.Results.Select(result => (result.Id, result.Score)), after.Results.Select(result => (result.Id, result.Score)));
        Assert.Empty(Directory.GetFiles(Pictures, "drawn-*"));
        Assert.Equal(written, File.GetLastWriteTimeUtc(network));
        Assert.Equal(Products + 1, second.Services.GetRequiredService<StatusBoard>().Current.Count);
    }

    [Fact]
    public async Task AnotherNetwork_EmbedsWhatWasAddedAnew_AndOtherSettingsChangeTheDrawnProducts()
    {
        byte[] picture;
        await using (var first = await RunningServer.StartAsync(root, Products)) picture = await AddAsync(first);

        var training = TrainingAmount.Quick with { Epochs = 1 };
        await using (var second = await RunningServer.StartAsync(root, Products - 1, training))
        {
            var answer = await SearchAsync(second, picture);
            Assert.Equal("my cup", answer.Results[0].Name);
            Assert.Equal(["shelf", "cups"], answer.Results[0].Tags);
            Assert.Equal(Products, answer.Results.Count);
        }
        Assert.Equal(1, await CollectionsAsync());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("no picture")]
    public async Task APictureThatCannotBeReadAnew_StaysUnderItsNetwork_UntilItCan(string? damaged)
    {
        byte[] picture;
        await using (var first = await RunningServer.StartAsync(root, Products)) picture = await AddAsync(first);
        var copy = Directory.GetFiles(Pictures).Single(file => !Path.GetFileName(file).StartsWith("drawn-", StringComparison.Ordinal));
        var bytes = File.ReadAllBytes(copy);
        if (damaged is null) File.Delete(copy);
        else File.WriteAllText(copy, damaged);

        var training = TrainingAmount.Quick with { Epochs = 1 };
        await using (var second = await RunningServer.StartAsync(root, Products, training))
            Assert.Equal(Products, (await SearchAsync(second, picture)).Results.Count);
        Assert.Equal(2, await CollectionsAsync());

        File.WriteAllBytes(copy, bytes);
        await using (var third = await RunningServer.StartAsync(root, Products, training))
            Assert.Equal("my cup", (await SearchAsync(third, picture)).Results[0].Name);
        Assert.Equal(1, await CollectionsAsync());
    }

    [Fact]
    public async Task ASecondProgram_WithTheSameData_IsRefused()
    {
        await using (await RunningServer.StartAsync(root, Products))
        {
            var refused = await Assert.ThrowsAsync<UserErrorException>(() => RunningServer.StartAsync(root, Products - 1));
            Assert.Contains("--data", refused.Message, StringComparison.Ordinal);
        }
        await using var later = await RunningServer.StartAsync(root, Products);
        Assert.Equal(Products, later.Services.GetRequiredService<StatusBoard>().Current.Count);
    }

    /// <summary>The number of collections of products.</summary>
    private async Task<int> CollectionsAsync()
    {
        using var store = new MetricLearning.Search.SqliteVectorStore(Path.Combine(root.FullName, "data", "catalogue.db"));
        var names = await store.ListCollectionNamesAsync(TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        return names.Count(name => name.StartsWith("products-", StringComparison.Ordinal));
    }

    /// <summary>Adds a folder with one picture, and returns the picture.</summary>
    private async Task<byte[]> AddAsync(WebApplication app)
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var picture = await client.GetByteArrayAsync(new Uri("api/examples/3", UriKind.Relative));
        var folder = Directory.CreateDirectory(Path.Combine(root.FullName, "photos", "shelf", "cups"));
        File.WriteAllBytes(Path.Combine(folder.FullName, "my_cup.jpg"), picture);
        var accepted = await client.PostAsJsonAsync(new Uri("api/index", UriKind.Relative), new { folder = "shelf" });
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal("1 picture added.", await RunningServer.AddedAsync(app.Services.GetRequiredService<StatusBoard>()));
        return picture;
    }

    private static async Task<SearchAnswer> SearchAsync(WebApplication app, byte[] picture)
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        return await RunningServer.Answer(await client.PostAsync(new Uri("api/search", UriKind.Relative), new ByteArrayContent(picture)));
    }
}
