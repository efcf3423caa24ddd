using System.Globalization;
using MetricLearning.Onnx.Runtime;
using MetricLearning.Samples;
using MetricLearning.Search;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.VectorData;

Errors.TellMistakes(error => error is VectorStoreException);
if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- NETWORK.onnx ITEMS.db\nThe template metriclearning-train makes the network.");
    return 2;
}
const int maxBytes = 20_000_000, maxPixels = 32_000_000, mostHits = 1000;
var network = Path.GetFullPath(args[0]);
using var embedder = new OnnxEmbedder(network, new OnnxEmbedderSettings { MaxBytes = maxBytes, MaxPixels = maxPixels });
var distance = embedder.Space.Distance switch
{
    null or "cosine" => DistanceFunction.CosineSimilarity,
    "dot" => DistanceFunction.DotProductSimilarity,
    "euclidean" => DistanceFunction.EuclideanDistance,
    var other => throw new InvalidDataException($"{network} compares vectors by {other}, not by cosine, dot or euclidean."),
};
// The store refuses vectors of another network, if both ONNX files record their embedding space.
using var store = new SqliteVectorStore(Path.GetFullPath(args[1])) { EmbeddingSpace = embedder.Space };
var items = store.GetCollection<string, Item>("items", new VectorStoreCollectionDefinition
{
    Properties =
    [
        new VectorStoreKeyProperty(nameof(Item.Id), typeof(string)),
        new VectorStoreDataProperty(nameof(Item.Kind), typeof(string)),
        new VectorStoreVectorProperty(nameof(Item.Vector), typeof(ReadOnlyMemory<float>), embedder.Dimension)
        {
            DistanceFunction = distance,
        },
    ],
});
await items.EnsureCollectionExistsAsync();

// It listens on this computer only, unless ASPNETCORE_URLS says otherwise. Put it behind a proxy that authenticates callers.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions());
builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = maxBytes);
await using var app = builder.Build();
app.MapMethods("/health", [HttpMethods.Get, HttpMethods.Head], () => Results.Ok(new { embedder.Dimension }));
app.MapPost("/embed", (HttpRequest request, CancellationToken cancellationToken) =>
    WithVector(request, vector => Task.FromResult(Results.Ok(vector)), cancellationToken));
app.MapPut("/items/{id}", (string id, string? kind, HttpRequest request, CancellationToken cancellationToken) =>
    WithVector(request, async vector =>
    {
        await items.UpsertAsync(new Item { Id = Decoded(id, request), Kind = Given(kind), Vector = vector }, cancellationToken);
        return Results.NoContent();
    }, cancellationToken));
app.MapDelete("/items/{id}", async (string id, HttpRequest request, CancellationToken cancellationToken) =>
{
    await items.DeleteAsync(Decoded(id, request), cancellationToken);
    return Results.NoContent();
});
app.MapPost("/search", async (HttpRequest request, CancellationToken cancellationToken, string? kind = null, string top = "10") =>
{
    if (!int.TryParse(top, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 1 or > mostHits)
        return Refused($"top must be a whole number from 1 to {mostHits}, got '{top}'.");
    kind = Given(kind);
    return await WithVector(request, async vector =>
    {
        var options = new VectorSearchOptions<Item> { Filter = kind is null ? null : item => item.Kind == kind };
        var hits = new List<object>();
        await foreach (var hit in items.SearchAsync(vector, count, options, cancellationToken))
            hits.Add(new { hit.Record.Id, hit.Record.Kind, hit.Score });
        return Results.Ok(hits);
    }, cancellationToken);
});
await Listening.StartAsync(app, app.Configuration[WebHostDefaults.ServerUrlsKey]);
Console.WriteLine($"listening on {app.Urls.First()}");
await app.WaitForShutdownAsync();
return 0;

// The body of a request is a picture: JPEG, PNG, WebP, ... Concurrent requests run through the network as one batch.
async Task<IResult> WithVector(HttpRequest request, Func<ReadOnlyMemory<float>, Task<IResult>> answer, CancellationToken cancellationToken)
{
    if (request.ContentType?.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase) == true)
        return Refused("Send the picture as the body, not in a form.", StatusCodes.Status415UnsupportedMediaType);
    try
    {
        var vector = await embedder.EmbedAsync(request.Body, "The picture", cancellationToken);
        return distance != DistanceFunction.CosineSimilarity || vector.Any(value => value != 0)
            ? await answer(vector)
            : Refused("The network gives this picture a vector of zeros, which has no cosine.");
    }
    catch (BadHttpRequestException e)
    {
        return Refused(e.Message, e.StatusCode);        // too many bytes, sent too slowly, or fewer than announced
    }
    catch (InvalidDataException e)
    {
        return Refused(e.Message);
    }
    catch (InvalidOperationException e) when (e.InnerException is ArithmeticException fault)
    {
        return Refused($"The network gives no vector for this picture, but {fault.Message}.", StatusCodes.Status422UnprocessableEntity);
    }
}

// A form sends a field that is not filled in as an empty value.
string? Given(string? kind) => string.IsNullOrEmpty(kind) ? null : kind;

// ASP.NET decodes a path, except for escaped slashes. It gives "%2F" for a slash and for the text "%2F", and only the request itself tells
// which one was sent.
string Decoded(string id, HttpRequest request)
{
    if (!id.Contains("%2F", StringComparison.OrdinalIgnoreCase)) return id;
    var path = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0].TrimEnd('/');
    return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
}

IResult Refused(string error, int status = StatusCodes.Status400BadRequest) => Results.Json(new { error }, statusCode: status);

internal sealed class Item
{
    public string Id { get; set; } = "";

    public string? Kind { get; set; }

    public ReadOnlyMemory<float> Vector { get; set; }
}
