using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using MetricLearning;
using MetricLearning.Onnx.Runtime.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingService.Tests;

/// <summary>The service with a small network, as a user starts it.</summary>
public sealed class RunningService : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("embedding-service").FullName;
    private readonly WebApplication app;

    internal RunningService(Limits? limits = null, EmbeddingSpace? space = null)
    {
        Network = MeanColor.Planes(folder, space ?? new EmbeddingSpace
        {
            Architecture = "mean_color", Mean = [0.1f, 0.2f, 0.3f], Deviation = [0.5f, 1, 2], Distance = "euclidean", Dimension = 3,
        });
        app = Server.Create(new Settings
        {
            Network = Network, Place = new IPEndPoint(IPAddress.Loopback, 0), Limits = limits ?? new(),
        });
    }

    /// <summary>The ONNX file.</summary>
    public string Network { get; }

    public HttpClient Client { get; private set; } = new();

    internal Places Places => app.Services.GetRequiredService<Places>();

    internal static async Task<RunningService> Start(Limits? limits = null, EmbeddingSpace? space = null)
    {
        var service = new RunningService(limits, space);
        await service.app.StartAsync();
        service.Client = new HttpClient { BaseAddress = new Uri(service.app.Urls.First()) };
        return service;
    }

    public Task Stop() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    public Task<HttpResponseMessage> Get(string path) => Client.GetAsync(new Uri(path, UriKind.Relative));

    public Task<HttpResponseMessage> Post(HttpContent content) => Client.PostAsync(new Uri("embed", UriKind.Relative), content);

    public Task<HttpResponseMessage> Post(byte[] picture, string? type = "image/x-portable-pixmap") => Post(Content(picture, type));

    public static ByteArrayContent Content(byte[] picture, string? type = "image/x-portable-pixmap") => new(picture)
    {
        Headers = { ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type) },
    };

    /// <summary>The vector of a picture.</summary>
    public async Task<float[]> Vector(byte[] picture) => (await Answer(await Post(picture))).Embeddings.Single().Vector;

    internal static async Task<EmbedAnswer> Answer(HttpResponseMessage response)
    {
        if (!response.IsSuccessStatusCode) Assert.Fail(await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync(AnswerContext.Default.EmbedAnswer))!;
    }

    /// <summary>Checks that a request was refused with problem details, and returns the reason.</summary>
    public static async Task<string> Refused(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        using var problem = JsonDocument.Parse(text);
        Assert.Equal((int)status, problem.RootElement.GetProperty("status").GetInt32());
        Assert.StartsWith("http", problem.RootElement.GetProperty("type").GetString(), StringComparison.Ordinal);
        return problem.RootElement.TryGetProperty("detail", out var detail) ? detail.GetString()! : "";
    }
}
