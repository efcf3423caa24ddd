using System.Globalization;
using MetricLearning.Vision;
using ProductSearch.Drawing;

namespace ProductSearch;

/// <summary>Everything that searching needs.</summary>
/// <param name="Embedder">The network.</param>
/// <param name="Catalogue">The products.</param>
/// <param name="Judge">Says whether the best result is the product that is looked for.</param>
internal sealed record Engine(Embedder Embedder, Catalogue Catalogue, Judge Judge);

/// <summary>Prepares the engine in the background, while the page already shows how far it is: trains the network if there is none, draws
/// the products, and fills the index.</summary>
internal sealed class Startup(Settings settings, StatusBoard board, ILogger<Startup> log, IHostApplicationLifetime program)
    : BackgroundService
{
    private const float FirstSide = 0.5f;

    /// <summary>The sides of the pictures for the page, and of those that only the network sees.</summary>
    private const int ShownSide = 320, EmbeddedSide = 96;

    private readonly TaskCompletionSource<Engine> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The number of a drawn product.</summary>
    public static int NumberOf(Item item) => int.Parse(item.Id.AsSpan(item.Id.LastIndexOf('-') + 1), CultureInfo.InvariantCulture);

    /// <summary>The engine; null until it is ready.</summary>
    public Engine? Engine => ready.Task.IsCompletedSuccessfully ? ready.Task.Result : null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            var embedder = Network(stoppingToken);
            var catalogue = new Catalogue(embedder.Dimension, Directory.CreateDirectory(Path.Combine(settings.Data.FullName, "pictures")));
            Fill(embedder, catalogue, stoppingToken);
            board.Show("Learning how sure the answers are");
            ready.SetResult(new Engine(embedder, catalogue, Judge.Of(settings, embedder, catalogue, stoppingToken)));
            board.Set(old => old with { Activity = null, Share = null });
            Log.Ready(log, catalogue.Count);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            // Without an engine the program is of no use, and whoever started it must know why.
            Log.CannotBegin(log, e);
            Environment.ExitCode = 1;
            program.StopApplication();
        }
    }

    public override void Dispose()
    {
        Engine?.Embedder.Dispose();
        base.Dispose();
    }

    private Embedder Network(CancellationToken cancellationToken)
    {
        // Another seed or another amount of training makes another network.
        var (amount, seed) = (settings.Training, settings.Seed + 1);
        var file = Path.Combine(settings.Data.FullName, string.Create(CultureInfo.InvariantCulture,
            $"network-{seed}-{amount.Products}x{amount.Views}x{amount.Epochs}.safetensors"));
        if (File.Exists(file)) return Embedder.Load(file);
        var model = Trainer.Train(seed, amount, (activity, share) => board.Show(activity, share), cancellationToken);
        Embedder.Save(model, file);
        return new Embedder(model);
    }

    private void Fill(Embedder embedder, Catalogue catalogue, CancellationToken cancellationToken)
    {
        const int atOnce = 32;
        for (var first = 0; first < settings.Products; first += atOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            board.Show("Drawing the products of the catalogue", (double)first / settings.Products);
            var products = Enumerable.Range(first, Math.Min(atOnce, settings.Products - first)).AsParallel().AsOrdered()
                .Select(number => Draw(number, catalogue)).ToArray();
            var vectors = embedder.Embed([.. products.SelectMany(product => product.Pictures)]).Chunk(Catalogue.MostPictures).ToArray();
            catalogue.Add([.. products.Select((product, i) => (product.Item, (IReadOnlyList<float[]>)vectors[i]))]);
            board.Set(old => old with { Count = catalogue.Count, Tags = catalogue.Tags });
        }
    }

    /// <summary>A product, seen from all sides; the picture for the page is written if it is not there yet.</summary>
    private (Item Item, Picture[] Pictures) Draw(int number, Catalogue catalogue)
    {
        var product = Product.Of(settings.Seed, number);
        var item = new Item(string.Create(CultureInfo.InvariantCulture, $"drawn-{settings.Seed}-{number:0000}"), product.Name, product.Tags,
            Catalogue.MostPictures);
        if (!File.Exists(catalogue.PictureOf(item))) catalogue.Show(item, product.Photograph(View.OfCatalogue(FirstSide), ShownSide));
        return (item, [.. Enumerable.Range(0, Catalogue.MostPictures).Select(view =>
            product.Photograph(View.OfCatalogue(FirstSide + 2 * MathF.PI * view / Catalogue.MostPictures), EmbeddedSide))]);
    }
}
