using MetricLearning.Onnx.Runtime;
using MetricLearning.Search;
using MetricLearning.Vision;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: dotnet run -c Release -- NETWORK.onnx PICTURES\nThe template metriclearning-train makes the network.");
    return 2;
}
const int maxBytes = 20_000_000, maxPixels = 32_000_000;
using var embedder = new OnnxEmbedder(args[0], new OnnxEmbedderSettings { MaxBytes = maxBytes, MaxPixels = maxPixels });
var folder = Path.GetFullPath(args[1]);
var index = new ExactIndex<string>(embedder.Dimension);
await IndexAsync();
Console.WriteLine($"{index.Count} pictures");

var builder = WebApplication.CreateBuilder(new WebApplicationOptions());
builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = maxBytes);
await using var app = builder.Build();
app.UseDefaultFiles();
app.UseStaticFiles();
app.MapGet("/health", () => Results.Ok(new { pictures = index.Count }));
app.MapPost("/search", async (HttpRequest request, string? tag, CancellationToken cancellationToken) =>
{
    float[] vector;
    try
    {
        vector = await embedder.EmbedAsync(request.Body, cancellationToken);
    }
    catch (InvalidDataException e)
    {
        return Results.BadRequest(new { error = e.Message });
    }
    var filter = string.IsNullOrEmpty(tag) ? null : SearchFilter<string>.Tag(tag);
    return Results.Ok(index.Search(vector, k: 24, filter).Select(hit => new { hit.Key, hit.Score, hit.Labels.Tags }));
});

// Only pictures of the index are served. They are sent as JPEG, so a browser can show every format.
app.MapGet("/pictures/{**key}", (string key) => index.Contains(key)
    ? Results.File(Pictures.Jpeg(Picture.Load(Path.Combine(folder, key), maxPixels)), "image/jpeg")
    : Results.NotFound());
await app.StartAsync();
Console.WriteLine($"open {app.Urls.First()} in a browser");
await app.WaitForShutdownAsync();
return 0;

async Task IndexAsync()
{
    string[] kinds = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm", ".pgm"];
    var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Where(file => kinds.Contains(Path.GetExtension(file).ToLowerInvariant()));
    await Parallel.ForEachAsync(files, async (file, cancellationToken) =>
    {
        try
        {
            await using var stream = File.OpenRead(file);
            var vector = await embedder.EmbedAsync(stream, cancellationToken);
            var key = Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/');
            index.Add(key, vector, new RowLabels { Tags = [.. key.Split('/')[..^1]] });         // the names of its folders
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            Console.Error.WriteLine($"{file} is skipped: {e.Message}");
        }
    });
}
