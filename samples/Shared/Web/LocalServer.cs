using System.Net;
using Microsoft.AspNetCore.HostFiltering;

namespace MetricLearning.Samples;

/// <summary>The parts that the web servers of the samples share.</summary>
internal static class LocalServer
{
    private static readonly TimeSpan headersTime = TimeSpan.FromSeconds(15);

    /// <summary>Creates the builder of a server that listens at one address, within limits.</summary>
    /// <param name="place">The address and the port.</param>
    /// <param name="maxBytes">The most bytes of a request's body.</param>
    /// <param name="maxConnections">The most connections.</param>
    public static WebApplicationBuilder Builder(IPEndPoint place, long maxBytes, long maxConnections)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = maxBytes;
            kestrel.Limits.MaxConcurrentConnections = maxConnections;
            kestrel.Limits.RequestHeadersTimeout = headersTime;
            kestrel.Listen(place);
        });
        builder.Services.AddProblemDetails();
        builder.Services.Configure<HostFilteringOptions>(options =>
        {
            // Another site could point its host name at this computer. Its requests would still carry that name.
            if (IPAddress.IsLoopback(place.Address)) options.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"];
        });
        return builder;
    }

    /// <summary>Adds the first steps of each request: errors become problem details, and requests of other sites are refused.</summary>
    public static void Use(WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseHostFiltering();
        SameOrigin.Use(app);
    }
}
