using System.Net;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.FileProviders;

namespace ProductSearch;

/// <summary>The web server.</summary>
internal static class Server
{
    private const int MostConnections = 256;

    /// <summary>Builds the server for the settings. It does not start the server.</summary>
    public static WebApplication Create(Settings settings)
    {
        var builder = LocalServer.Builder(new IPEndPoint(settings.Address, settings.Port), Uploads.MaxBytes, MostConnections);
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(Uploads.LeastBytesPerSecond, Uploads.Patience));
        builder.Services.AddSingleton(settings).AddSingleton<StatusBoard>().AddSingleton<Startup>().AddSingleton<FolderIndexing>();
        // A second program with another network would delete the collections of the first.
        builder.Services.AddSingleton(_ => new FolderLock(settings.Data.FullName, "--data"));
        builder.Services.AddHostedService(services => services.GetRequiredService<Startup>());
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.AddConcurrencyLimiter(Api.UploadPolicy, options =>
                (options.PermitLimit, options.QueueLimit) = (Uploads.AtOnce, Uploads.Waiting));
            // These requests have no body to read, so any number of connections may wait.
            limiter.AddConcurrencyLimiter(Api.WorkPolicy, options =>
                (options.PermitLimit, options.QueueLimit) = (Environment.ProcessorCount, MostConnections));
        });

        var app = builder.Build();
        app.Services.GetRequiredService<FolderLock>();
        LocalServer.Use(app);
        var page = new EmbeddedFileProvider(typeof(Server).Assembly, "page");
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = page });
        app.UseStaticFiles(new StaticFileOptions { FileProvider = page });
        app.UseRouting();
        app.UseRateLimiter();
        Api.Map(app);
        return app;
    }
}
