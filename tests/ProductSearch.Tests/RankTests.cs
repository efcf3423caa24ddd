using System.Globalization;
using MetricLearning;
using Microsoft.Extensions.DependencyInjection;
using ProductSearch.Drawing;

namespace ProductSearch.Tests;

/// <summary>Measures how often the fully trained network finds a drawn product by a new picture of it. METRICLEARNING_RANK=1 runs it, for
/// some minutes.</summary>
public sealed class RankTests
{
    private const int Products = 480, ViewsOfEach = 4, PictureSide = 96;

    [Fact]
    public async Task NewPicturesOfProducts_FindThem()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("METRICLEARNING_RANK") == "1", "METRICLEARNING_RANK=1 trains the network.");
        var root = Directory.CreateTempSubdirectory("product-search");
        await using var app = await RunningServer.StartAsync(root, Products, TrainingAmount.Full);
        var (engine, settings) = (app.Services.GetRequiredService<Startup>().Engine!, app.Services.GetRequiredService<Settings>());
        // Places of the right product, from 1. Training used other products, and views of other random draws.
        var places = new List<int>();
        for (var number = 0; number < Products; number++)
            for (var view = 0; view < ViewsOfEach; view++)
            {
                var random = SeededRandom.ForStream(settings.Seed, 0x5E, (ulong)number, (ulong)view);
                var picture = Product.Of(settings.Seed, number).Photograph(View.AtHome(random), PictureSide);
                var found = await engine.Catalogue.SearchAsync(engine.Embedder.Embed(picture), Products);
                places.Add(1 + found.Index().First(hit => hit.Item.Item.Id == Startup.IdOf(settings, number)).Index);
            }
        double Within(int rank) => (double)places.Count(place => place <= rank) / places.Count;
        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{places.Count:N0} pictures of {Products} products: rank-1 {Within(1):P1}, rank-5 {Within(5):P1}, rank-10 {Within(10):P1}"));
        Assert.True(Within(1) > 0.3, $"rank-1 is {Within(1)}");
        root.Delete(recursive: true);
    }
}
