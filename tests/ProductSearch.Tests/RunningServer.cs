using System.Net;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace ProductSearch.Tests;

/// <summary>The web server with a small catalogue, as a user starts it.</summary>
/// <remarks>The tests of a class share one, in an order that depends on the folder of the build. A test that adds pictures changes the
/// answers to later searches, so it starts a server of its own: <see cref="StartOwnAsync"/>.</remarks>
public sealed class RunningServer : IAsyncLifetime
{
    internal const int Products = 48;
    private readonly DirectoryInfo root = Directory.CreateTempSubdirectory("product-search");
    private WebApplication? app;

    public HttpClient Client { get; private set; } = new();

    /// <summary>The folder whose subfolders may be added.</summary>
    public string Photos => Path.Combine(root.FullName, "photos");

    /// <summary>A folder next to it, which may not be added.</summary>
    public string Outside => Path.Combine(root.FullName, "outside");

    internal Startup Startup => app!.Services.GetRequiredService<Startup>();

    internal StatusBoard Board => app!.Services.GetRequiredService<StatusBoard>();

    internal Settings Settings => app!.Services.GetRequiredService<Settings>();

    /// <summary>Starts a server for one test.</summary>
    internal static async Task<RunningServer> StartOwnAsync()
    {
        var own = new RunningServer();
        await own.InitializeAsync();
        return own;
    }

    /// <summary>Starts a server with its folders inside the given folder, and waits until it can search.</summary>
    internal static async Task<WebApplication> StartAsync(DirectoryInfo root, int products = Products, TrainingAmount? training = null)
    {
        var app = Server.Create(new Settings
        {
            Data = root.CreateSubdirectory("data"), Photos = root.CreateSubdirectory("photos"), Address = IPAddress.Loopback, Port = 0,
            Products = products, Training = training ?? TrainingAmount.Quick, Seed = 1,
        });
        await app.StartAsync();
        await app.Services.GetRequiredService<Startup>().Ready;
        return app;
    }

    /// <summary>Waits until a folder has been added, and returns the message about it.</summary>
    internal static async Task<string?> AddedAsync(StatusBoard board)
    {
        await foreach (var status in board.Follow(TestContext.Current.CancellationToken))
            if (status is { Activity: null, Message: not null })
            {
                board.Set(old => old with { Message = null });
                return status.Message;
            }
        return null;
    }

    public async ValueTask InitializeAsync()
    {
        app = await StartAsync(root);
        root.CreateSubdirectory("outside");
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (app is not null) await app.DisposeAsync();
        root.Delete(recursive: true);
    }

    /// <summary>A picture of a product as somebody might take it at home, as JPEG.</summary>
    public Task<byte[]> Example(int number) => Client.GetByteArrayAsync(new Uri($"api/examples/{number}", UriKind.Relative));

    public Task<HttpResponseMessage> Search(byte[] picture, string query = "") =>
        Client.PostAsync(new Uri($"api/search{query}", UriKind.Relative), new ByteArrayContent(picture));

    internal static async Task<SearchAnswer> Answer(HttpResponseMessage response)
    {
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<SearchAnswer>())!;
    }

    /// <summary>Returns the reason why a request was refused.</summary>
    public static async Task<string> Reason(HttpResponseMessage response) =>
        (await response.Content.ReadFromJsonAsync<Dictionary<string, object>>())!["detail"].ToString()!;
}
