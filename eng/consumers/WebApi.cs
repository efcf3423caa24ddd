// A web API that embeds concurrently with one model: 64 requests at once get the answers that serial calls get.
using System.Net.Http.Json;
using MetricLearning;
using static TorchSharp.torch;

random.manual_seed(1);
using var model = new EmbeddingModel(new ConvNet4(imageChannels: 3), neck: new L2Normalize());
model.eval();

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
await using var app = builder.Build();
app.Urls.Add("http://127.0.0.1:0");
app.MapPost("/embed", (float[] pixels) => Embed(pixels));
await app.StartAsync();

using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
var images = Enumerable.Range(0, 64).Select(seed => Pixels(seed)).ToArray();
var serial = images.Select(Embed).ToArray();
var answers = await Task.WhenAll(images.Select(async pixels =>
    await (await client.PostAsJsonAsync("/embed", pixels)).Content.ReadFromJsonAsync<float[]>()));
Console.WriteLine($"{answers.Zip(serial).Count(pair => Near(pair.First!, pair.Second))} of {images.Length} answers are right");
await app.StopAsync();

float[] Embed(float[] pixels)
{
    using var image = tensor(pixels).reshape(1, 3, 32, 32);
    using var embedding = model.Embed(image);
    return embedding.data<float>().ToArray();
}

// Other threads may use other kernels of libtorch, which round the last digits differently.
static bool Near(float[] x, float[] y) => x.Length == y.Length && x.Zip(y).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);

static float[] Pixels(int seed)
{
    var random = new Random(seed);
    return Enumerable.Range(0, 3 * 32 * 32).Select(_ => random.NextSingle()).ToArray();
}
