using System.Diagnostics;
using System.Diagnostics.Metrics;
using MetricLearning;
using MetricLearning.Vision;
using ProductSearch.Drawing;

namespace ProductSearch;

/// <summary>A product as the page shows it.</summary>
internal sealed record Result(string Id, string Name, IReadOnlyList<string> Tags, double Score, string Picture);

/// <summary>The result of a search.</summary>
/// <param name="Results">The products, the most similar first.</param>
/// <param name="Answer">Whether the first one is the product in the query; null if the query is itself a product of the catalogue, or if a
/// tag limits the search.</param>
/// <param name="Milliseconds">The time of the search.</param>
internal sealed record SearchAnswer(IReadOnlyList<Result> Results, Answer? Answer, double Milliseconds);

/// <summary>A folder to add.</summary>
internal sealed record IndexRequest(string? Folder);

/// <summary>The addresses that the page calls.</summary>
internal static class Api
{
    /// <summary>The limits of uploads, and of other requests that take time on the processor.</summary>
    public const string UploadPolicy = "uploads", WorkPolicy = "work";

    private const int DefaultCount = 24, MostResults = 200, ExampleSide = 320;

    private static readonly Meter meter = new("ProductSearch");
    private static readonly Histogram<double> durations = meter.CreateHistogram<double>("product_search.duration", "ms",
        "Time from a decoded picture to the results");
    private static readonly Counter<long> refusals = meter.CreateCounter<long>("product_search.refused_pictures", null,
        "Uploads that were not a picture, too large or too slow");

    public static void Map(WebApplication app)
    {
        app.MapGet("/health", (Startup startup) => startup.Engine is null
            ? Results.Json(new { status = "starting" }, statusCode: StatusCodes.Status503ServiceUnavailable)
            : Results.Ok(new { status = "ready" }));

        var api = app.MapGroup("/api");
        api.MapGet("/events", (StatusBoard board, IHostApplicationLifetime program, HttpContext context) =>
        {
            var ends = CancellationTokenSource.CreateLinkedTokenSource(program.ApplicationStopping, context.RequestAborted);
            context.Response.RegisterForDispose(ends);
            return TypedResults.ServerSentEvents(board.Follow(ends.Token));
        });

        api.MapPost("/search", async (HttpRequest request, Startup startup, CancellationToken gone, string? tag, int? count) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (WrongCount(count) is { } wrong) return wrong;
            Picture picture;
            try
            {
                picture = await Uploads.Read(request, gone);
            }
            catch (InvalidDataException e)
            {
                refusals.Add(1);
                return Results.Problem(e.Message, statusCode: StatusCodes.Status400BadRequest);
            }
            catch (BadHttpRequestException e)
            {
                // The client sent too many bytes, sent them too slowly, or sent fewer than it announced.
                refusals.Add(1);
                return Results.Problem(e.Message, statusCode: e.StatusCode);
            }
            var clock = Stopwatch.StartNew();
            var found = await engine.Catalogue.SearchAsync(engine.Embedder.Embed(picture), count ?? DefaultCount, Tag(tag));
            // A search under a tag sees only a part of the catalogue: the product may be in the other part.
            return Answered(found, Tag(tag) is null ? engine.Judge.Of(found) : null, clock);
        }).RequireRateLimiting(UploadPolicy);

        api.MapGet("/products/{id}/similar", async (string id, Startup startup, string? tag, int? count) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (WrongCount(count) is { } wrong) return wrong;
            if (engine.Catalogue.Find(id) is not { } item) return NoSuchProduct();
            var clock = Stopwatch.StartNew();
            return Answered(await engine.Catalogue.LikeAsync(item, count ?? DefaultCount, Tag(tag)), answer: null, clock);
        }).RequireRateLimiting(WorkPolicy);

        api.MapGet("/products/{id}/picture", (string id, Startup startup, HttpResponse response) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (engine.Catalogue.Find(id) is not { } item) return NoSuchProduct();
            if (!File.Exists(engine.Catalogue.PictureOf(item))) return Results.Problem("The picture of this product is missing.",
                statusCode: StatusCodes.Status404NotFound);
            response.Headers.CacheControl = "private, max-age=86400";
            return Results.File(engine.Catalogue.PictureOf(item), "image/jpeg");
        });

        // Draws a picture of a product as somebody might take it at home. Every fourth picture shows a product that the catalogue does not
        // have.
        api.MapGet("/examples/{number:int:min(0)}", (int number, Settings settings) =>
        {
            if (number > Judge.LastExample) return Results.Problem($"The last example has the number {Judge.LastExample}.",
                statusCode: StatusCodes.Status404NotFound);
            var product = Judge.ProductOf(settings, number);
            var picture = product.Photograph(View.AtHome(SeededRandom.ForStream(settings.Seed, 0xE8, (ulong)number)), ExampleSide);
            return Results.Bytes(Pictures.Jpeg(picture), "image/jpeg");
        }).RequireRateLimiting(WorkPolicy);

        api.MapPost("/index", (IndexRequest request, FolderIndexing indexing) =>
            string.IsNullOrWhiteSpace(request.Folder) ? Results.Problem("A folder is needed.", statusCode: StatusCodes.Status400BadRequest)
            : indexing.Begin(request.Folder.Trim()) is { } refused ? Results.Problem(refused, statusCode: StatusCodes.Status400BadRequest)
            : Results.Accepted());
        api.MapDelete("/index", (FolderIndexing indexing) =>
        {
            indexing.Stop();
            return Results.NoContent();
        });
    }

    private static string? Tag(string? tag) => string.IsNullOrEmpty(tag) ? null : tag;

    private static IResult Answered(IReadOnlyList<Found> found, Answer? answer, Stopwatch clock)
    {
        var milliseconds = clock.Elapsed.TotalMilliseconds;
        durations.Record(milliseconds);
        return Results.Ok(new SearchAnswer([.. found.Select(hit => new Result(hit.Item.Id, hit.Item.Name, hit.Item.Tags, hit.Score,
            $"api/products/{Uri.EscapeDataString(hit.Item.Id)}/picture"))], answer, milliseconds));
    }

    private static IResult? WrongCount(int? count) => count is null or (>= 1 and <= MostResults) ? null
        : Results.Problem($"count must be from 1 to {MostResults}, got {count}.", statusCode: StatusCodes.Status400BadRequest);

    private static IResult NotReady() =>
        Results.Problem("The catalogue is not ready yet.", statusCode: StatusCodes.Status503ServiceUnavailable);

    private static IResult NoSuchProduct() =>
        Results.Problem("There is no such product.", statusCode: StatusCodes.Status404NotFound);
}
