using System.IO.Enumeration;
using MetricLearning;
using MetricLearning.Onnx.Runtime;
using MetricLearning.Samples;
using MetricLearning.Search;
using MetricLearning.Vision;
using Microsoft.AspNetCore.RateLimiting;

Errors.TellMistakes();
if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- NETWORK.onnx PICTURES\nThe template metriclearning-train makes the network.");
    return 2;
}
const int maxBytes = 20_000_000, maxPixels = 32_000_000, shownSide = 640;
var network = Path.GetFullPath(args[0]);
using var embedder = new OnnxEmbedder(network, new OnnxEmbedderSettings { MaxBytes = maxBytes, MaxPixels = maxPixels });
var metric = embedder.Space.Distance switch
{
    null or "cosine" => SearchMetric.Cosine,
    "dot" => SearchMetric.Dot,
    "euclidean" => SearchMetric.Euclidean,
    var other => throw new InvalidDataException($"{network} compares vectors by {other}, not by cosine, dot or euclidean."),
};
var folder = Path.GetFullPath(args[1]);
if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder {folder}.");
var index = new ExactIndex<string>(embedder.Dimension, metric);
await IndexAsync();
Console.WriteLine($"{index.Count} pictures");

// The page is beside the program, so it is found whatever the current folder is.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = maxBytes);
// A large picture takes 128 MB while it is made small for the page, so few are made small at once.
builder.Services.AddRateLimiter(limiter => limiter.AddConcurrencyLimiter("pictures", limit =>
    (limit.PermitLimit, limit.QueueLimit) = (2, 1000)));
await using var app = builder.Build();
app.UseRateLimiter();
app.UseDefaultFiles();
app.UseStaticFiles();
string[] getOrHead = [HttpMethods.Get, HttpMethods.Head];
app.MapMethods("/health", getOrHead, () => Results.Ok(new { pictures = index.Count }));
app.MapPost("/search", async (HttpRequest request, string? tag, CancellationToken cancellationToken) =>
{
    float[] vector;
    try
    {
        vector = await EmbedAsync(request.Body, "The picture", cancellationToken);
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
    var filter = string.IsNullOrEmpty(tag) ? null : SearchFilter<string>.Tag(tag);
    return Results.Ok(index.Search(vector, k: 24, filter).Select(hit => new { hit.Key, hit.Score, hit.Labels.Tags }));
});

// Only pictures of the index are served. They are sent as JPEG, so a browser can show every format.
app.MapMethods("/pictures/{**key}", getOrHead, (string key) =>
{
    if (!index.Contains(key)) return Results.NotFound();
    try
    {
        var picture = Picture.Load(Path.Combine(folder, key), maxPixels);
        var scale = (double)shownSide / Math.Max(picture.Width, picture.Height);
        if (scale < 1) new Resize(Math.Max(1, (int)(picture.Height * scale)), Math.Max(1, (int)(picture.Width * scale)))
            .Apply(picture, new SeededRandom(0));
        return Results.File(Pictures.Jpeg(picture), "image/jpeg");
    }
    catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
    {
        return Results.NotFound();      // it has changed since it was indexed
    }
}).RequireRateLimiting("pictures");
await Listening.StartAsync(app, app.Configuration[WebHostDefaults.ServerUrlsKey]);
Console.WriteLine($"open {app.Urls.First()} in a browser");
await app.WaitForShutdownAsync();
return 0;

IResult Refused(string error, int status = StatusCodes.Status400BadRequest) => Results.Json(new { error }, statusCode: status);

async Task IndexAsync()
{
    string[] kinds = [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".ppm", ".pgm"];
    var readable = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = 0 };
    // A link to a picture is read. A link to a folder is not followed, because links may lead in circles.
    var files = new FileSystemEnumerable<string>(folder, (ref entry) => entry.ToFullPath(), readable)
    {
        ShouldIncludePredicate = (ref entry) => !entry.IsDirectory
            && kinds.Contains(Path.GetExtension(entry.FileName).ToString().ToLowerInvariant()),
        ShouldRecursePredicate = (ref entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
    };
    await Parallel.ForEachAsync(files, async (file, cancellationToken) =>
    {
        try
        {
            await using var stream = File.OpenRead(file);
            var vector = await EmbedAsync(stream, name: null, cancellationToken);
            var key = Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/');
            index.Add(key, vector, new RowLabels { Tags = [.. key.Split('/')[..^1]] });         // the names of its folders
        }
        catch (Exception e) when (e is InvalidDataException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{file} is skipped: {e.Message}");
        }
    });
}

async Task<float[]> EmbedAsync(Stream picture, string? name, CancellationToken cancellationToken)
{
    var vector = await embedder.EmbedAsync(picture, name, cancellationToken);
    return metric != SearchMetric.Cosine || vector.Any(value => value != 0) ? vector
        : throw new InvalidDataException("The network gives this picture a vector of zeros, which has no cosine.");
}
