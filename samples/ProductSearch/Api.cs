using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.Json;
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

    private const string FolderAsJson = "Send the folder as JSON in UTF-8: {\"folder\": \"photos\"}.";

    private static readonly Meter meter = new("ProductSearch");
    private static readonly Histogram<double> durations = meter.CreateHistogram<double>("product_search.duration", "ms",
        "Time from a decoded picture to the results");
    private static readonly Counter<long> refusals = meter.CreateCounter<long>("product_search.refused_pictures", null,
        "Uploads that were not a picture, too large or too slow");

    public static void Map(WebApplication app)
    {
        app.MapGet("/health", (Startup startup) => startup.Engine is null
            ? Results.Json(new { status = "starting" }, statusCode: StatusCodes.Status503ServiceUnavailable)
            : Results.Ok(new { status = "ready" })).AnswerHead();

        // It never ends, so it does not answer HEAD.
        app.MapGet("/api/events", (StatusBoard board, IHostApplicationLifetime program, HttpContext context) =>
        {
            var ends = CancellationTokenSource.CreateLinkedTokenSource(program.ApplicationStopping, context.RequestAborted);
            context.Response.RegisterForDispose(ends);
            return TypedResults.ServerSentEvents(board.Follow(ends.Token));
        });

        var api = app.MapGroup("/api").AnswerHead();
        api.MapPost("/search", async (HttpRequest request, Startup startup, CancellationToken gone, string? tag, string? count) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (CountOf(count) is not { } wanted) return WrongCount(count);
            Picture picture;
            try
            {
                picture = await Uploads.Read(request, gone);
            }
            catch (InvalidDataException e)
            {
                refusals.Add(1);
                return Refused(e.Message);
            }
            catch (BadHttpRequestException e)
            {
                refusals.Add(1);
                return Unread(e);
            }
            var clock = Stopwatch.StartNew();
            var found = await engine.Catalogue.SearchAsync(engine.Embedder.Embed(picture), wanted, Tag(tag));
            // A search under a tag sees only a part of the catalogue: the product may be in the other part.
            return Answered(found, Tag(tag) is null ? engine.Judge.Of(found) : null, clock);
        }).RequireRateLimiting(UploadPolicy);

        api.MapGet("/products/{id}/similar", async (string id, Startup startup, string? tag, string? count) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (CountOf(count) is not { } wanted) return WrongCount(count);
            if (engine.Catalogue.Find(id) is not { } item) return NoSuchProduct();
            var clock = Stopwatch.StartNew();
            return Answered(await engine.Catalogue.LikeAsync(item, wanted, Tag(tag)), answer: null, clock);
        }).RequireRateLimiting(WorkPolicy);

        api.MapGet("/products/{id}/picture", (string id, Startup startup, HttpResponse response) =>
        {
            if (startup.Engine is not { } engine) return NotReady();
            if (engine.Catalogue.Find(id) is not { } item) return NoSuchProduct();
            if (!File.Exists(engine.Catalogue.PictureOf(item))) return Refused("The picture of this product is missing.",
                StatusCodes.Status404NotFound);
            response.Headers.CacheControl = "private, max-age=86400";
            return Results.File(engine.Catalogue.PictureOf(item), "image/jpeg");
        });

        // Draws a picture of a product as somebody might take it at home. Every fourth picture shows a product that the catalogue does not
        // have.
        api.MapGet("/examples/{number:int:min(0)}", (int number, Settings settings) =>
        {
            if (number > Judge.LastExample) return Refused($"The last example has the number {Judge.LastExample}.",
                StatusCodes.Status404NotFound);
            var product = Judge.ProductOf(settings, number);
            var picture = product.Photograph(View.AtHome(SeededRandom.ForStream(settings.Seed, 0xE8, (ulong)number)), ExampleSide);
            return Results.Bytes(Pictures.Jpeg(picture), "image/jpeg");
        }).RequireRateLimiting(WorkPolicy);

        api.MapPost("/index", async (HttpRequest request, FolderIndexing indexing, CancellationToken gone) =>
        {
            if (!request.HasJsonContentType()) return Refused(FolderAsJson, StatusCodes.Status415UnsupportedMediaType);
            try
            {
                var folder = (await JsonSerializer.DeserializeAsync<IndexRequest>(request.Body, JsonSerializerOptions.Web, gone))?.Folder;
                if (string.IsNullOrWhiteSpace(folder)) return Refused("A folder is needed.");
                return indexing.Begin(folder.Trim()) is { } refused ? Refused(refused) : Results.Accepted();
            }
            catch (JsonException)
            {
                return Refused(FolderAsJson);
            }
            catch (BadHttpRequestException e)
            {
                return Unread(e);
            }
        });
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

    /// <summary>The number of results that a request asks for; null if it is not one.</summary>
    private static int? CountOf(string? count) => count is null ? DefaultCount
        : int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostResults ? number
        : null;

    private static IResult WrongCount(string? count) => Refused($"count must be a whole number from 1 to {MostResults}, got '{count}'.");

    /// <summary>The client sent too many bytes, sent them too slowly, or sent fewer than it announced.</summary>
    private static IResult Unread(BadHttpRequestException error) => Refused(error.Message, error.StatusCode);

    private static IResult Refused(string reason, int status = StatusCodes.Status400BadRequest) =>
        Results.Problem(reason, statusCode: status);

    private static IResult NotReady() => Refused("The catalogue is not ready yet.", StatusCodes.Status503ServiceUnavailable);

    private static IResult NoSuchProduct() => Refused("There is no such product.", StatusCodes.Status404NotFound);
}
