using System.Globalization;
using MetricLearning.Vision;
using ProductSearch.Drawing;

namespace ProductSearch;

/// <summary>The parts that a search needs.</summary>
/// <param name="Embedder">The network.</param>
/// <param name="Catalogue">The products.</param>
/// <param name="Judge">Says whether the best result is the product in the query.</param>
internal sealed record Engine(Embedder Embedder, Catalogue Catalogue, Judge Judge);

/// <summary>Prepares the engine in the background, while the page shows the progress: trains the network if there is none, and draws the
/// products that the catalogue lacks.</summary>
internal sealed class Startup(Settings settings, StatusBoard board, ILogger<Startup> log, IHostApplicationLifetime program)
    : BackgroundService
{
    private const string Drawn = "drawn-";
    private const float FirstSide = 0.5f;

    /// <summary>The sides of the pictures for the page, and of those that only the network sees.</summary>
    private const int ShownSide = 320, EmbeddedSide = 96;

    private readonly TaskCompletionSource<Engine> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Gallery? gallery;

    /// <summary>Whether an item was drawn by the program, and not added by the user.</summary>
    public static bool IsDrawn(Item item) => item.Id.StartsWith(Drawn, StringComparison.Ordinal);

    /// <summary>The key of a drawn product.</summary>
    public static string IdOf(Settings settings, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Drawn}{settings.Seed}-{number:0000}");

    /// <summary>Completes when the engine is ready, or fails with the reason.</summary>
    public Task<Engine> Ready => ready.Task;

    /// <summary>The engine; null until it is ready.</summary>
    public Engine? Engine => ready.Task.IsCompletedSuccessfully ? ready.Task.Result : null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            var embedder = Network(stoppingToken);
            gallery = new Gallery(settings.Data, embedder.Space, await embedder.CanariesAsync(stoppingToken));
            var catalogue = await gallery.OpenAsync();
            await FillAsync(embedder, catalogue, stoppingToken);
            var left = await gallery.TakeOverAsync(catalogue, embedder, share => board.Show("Comparing your pictures anew", share),
                stoppingToken);
            if (left > 0) Log.CannotTakeOver(log, left, settings.Data.FullName);
            var judge = new Judge(settings, gallery, embedder, catalogue);
            await judge.LearnAsync(board, canStop: false, stoppingToken);
            // The board comes first: as soon as the engine is ready, other activities may show their progress there.
            board.Set(old => old with { Activity = null, Share = null, Count = catalogue.Count, Tags = catalogue.Tags });
            ready.SetResult(new Engine(embedder, catalogue, judge));
            Log.Ready(log, catalogue.Count);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            // Without an engine the program is useless, so it must say why there is none.
            Log.CannotBegin(log, e);
            ready.TrySetException(e);
            Environment.ExitCode = 1;
            program.StopApplication();
        }
    }

    public override void Dispose()
    {
        Engine?.Embedder.Dispose();
        gallery?.Dispose();
        base.Dispose();
    }

    private Embedder Network(CancellationToken cancellationToken)
    {
        // Another seed or another amount of training gives another network.
        var (amount, seed) = (settings.Training, settings.Seed + 1);
        var file = Path.Combine(settings.Data.FullName, string.Create(CultureInfo.InvariantCulture,
            $"network-{seed}-{amount.Products}x{amount.Views}x{amount.Epochs}.safetensors"));
        if (File.Exists(file)) return Embedder.Load(file);
        using (var model = Trainer.Train(seed, amount, (activity, share) => board.Show(activity, share), cancellationToken))
            Embedder.Save(model, file);
        return Embedder.Load(file);
    }

    /// <summary>Removes drawn products that the settings do not ask for, and adds those that are missing.</summary>
    private async Task FillAsync(Embedder embedder, Catalogue catalogue, CancellationToken cancellationToken)
    {
        const int atOnce = 32;
        var wanted = Enumerable.Range(0, settings.Products).ToDictionary(number => IdOf(settings, number));
        await catalogue.RemoveAsync([.. catalogue.Items.Where(item => IsDrawn(item) && !wanted.ContainsKey(item.Id))]);
        int[] missing = [.. wanted.Where(pair => catalogue.Find(pair.Key) is null).Select(pair => pair.Value).Order()];
        for (var first = 0; first < missing.Length; first += atOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            board.Show("Drawing the products of the catalogue", (double)first / missing.Length);
            var products = missing.Skip(first).Take(atOnce).AsParallel().AsOrdered()
                .Select(number => Draw(number, catalogue)).ToArray();
            var vectors = embedder.Embed([.. products.SelectMany(product => product.Pictures)]).Chunk(Catalogue.MostPictures).ToArray();
            await catalogue.AddAsync([.. products.Select((product, i) => (product.Item, (IReadOnlyList<float[]>)vectors[i]))]);
            board.Set(old => old with { Count = catalogue.Count, Tags = catalogue.Tags });
        }
    }

    /// <summary>Draws a product from all sides, and writes its picture for the page if it does not exist.</summary>
    private (Item Item, Picture[] Pictures) Draw(int number, Catalogue catalogue)
    {
        var product = Product.Of(settings.Seed, number);
        var item = new Item(IdOf(settings, number), product.Name, product.Tags, Catalogue.MostPictures);
        if (!File.Exists(catalogue.PictureOf(item))) catalogue.Show(item, product.Photograph(View.OfCatalogue(FirstSide), ShownSide));
        return (item, [.. Enumerable.Range(0, Catalogue.MostPictures).Select(view =>
            product.Photograph(View.OfCatalogue(FirstSide + 2 * MathF.PI * view / Catalogue.MostPictures), EmbeddedSide))]);
    }
}
