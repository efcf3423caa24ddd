using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace EmbeddingService;

/// <summary>The web server.</summary>
internal static class Server
{
    /// <summary>Builds the server for the settings and loads its network. It does not start the server.</summary>
    public static WebApplication Create(Settings settings)
    {
        var limits = settings.Limits;
        var builder = LocalServer.Builder(settings.Place, limits.MaxRequestBytes, limits.MaxConnections);
        // The service container creates the network, so the container also disposes it, after the last request has ended.
        builder.Services.AddSingleton(settings).AddSingleton(limits).AddSingleton<Places>().AddSingleton<Uploads>()
            .AddSingleton<Measures>().AddSingleton<ServedNetwork>();
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, AnswerContext.Default));
        builder.Services.AddOpenApi(options =>
            options.AddOperationTransformer(Document.Describe).AddDocumentTransformer(Document.LeaveOutHead));
        builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService(nameof(EmbeddingService)))
            .WithMetrics(metrics => metrics
                .AddMeter(Measures.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
                .AddPrometheusExporter());

        var app = builder.Build();
        LocalServer.Use(app);
        Api.Map(app);
        var network = app.Services.GetRequiredService<ServedNetwork>();
        app.Lifetime.ApplicationStarted.Register(() =>
            Log.Serving(app.Logger, settings.Network, network.Dimension, network.Space.Fingerprint!));
        app.Lifetime.ApplicationStopping.Register(() => Log.Stopping(app.Logger));
        return app;
    }
}
