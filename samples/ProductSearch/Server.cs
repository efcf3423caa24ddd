using System.Net;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.FileProviders;

namespace ProductSearch;

/// <summary>The web server.</summary>
internal static class Server
{
    private const int MostConnections = 256;

    /// <summary>The server for settings; it is not started.</summary>
    public static WebApplication Create(Settings settings)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = Uploads.MaxBytes;
            kestrel.Limits.MaxConcurrentConnections = MostConnections;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Listen(settings.Address, settings.Port);
        });
        builder.Services.AddProblemDetails();
        builder.Services.AddSingleton(settings).AddSingleton<StatusBoard>().AddSingleton<Startup>().AddSingleton<FolderIndexing>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Startup>());
        builder.Services.Configure<HostFilteringOptions>(options =>
        {
            // A page elsewhere could point its own name at this computer; it would still send that name.
            if (IPAddress.IsLoopback(settings.Address)) options.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"];
        });
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.AddConcurrencyLimiter(Api.UploadPolicy, options =>
                (options.PermitLimit, options.QueueLimit) = (Uploads.AtOnce, Uploads.Waiting));
        });

        var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseHostFiltering();
        SameOrigin.Use(app);
        var page = new EmbeddedFileProvider(typeof(Server).Assembly, "page");
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = page });
        app.UseStaticFiles(new StaticFileOptions { FileProvider = page });
        app.UseRouting();
        app.UseRateLimiter();
        Api.Map(app);
        return app;
    }
}
