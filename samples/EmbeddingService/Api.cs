using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;

namespace EmbeddingService;

/// <summary>The addresses of the service.</summary>
internal static class Api
{
    private const string Binary = "application/octet-stream";

    public static void Map(WebApplication server)
    {
        var app = server.MapGroup("").AnswerHead();
        app.MapPost("/embed", Embed).WithName("embed").WithSummary("Turns pictures into vectors")
            .WithDescription("Takes one picture as the body, or several as multipart/form-data. Answers with JSON, or with float32 numbers "
                + "in little-endian order, one vector after another, if the client accepts application/octet-stream.")
            .Produces<EmbedAnswer>()
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge).ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status422UnprocessableEntity).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        app.MapGet("/space", (ServedNetwork network) => Results.Text(network.Space.ToJson(), "application/json")).WithName("space")
            .WithSummary("Tells how pictures are prepared and how vectors are compared");
        app.MapGet("/health/live", () => TypedResults.Ok(new Health("alive"))).WithName("live").WithSummary("Answers while it runs");
        app.MapGet("/health/ready", (IHostApplicationLifetime program) => program.ApplicationStopping.IsCancellationRequested
                ? TypedResults.Json(new Health("stopping"), AnswerContext.Default.Health,
                    statusCode: StatusCodes.Status503ServiceUnavailable)
                : TypedResults.Json(new Health("ready"), AnswerContext.Default.Health))
            .WithName("ready").WithSummary("Answers 200 while it takes requests, 503 while it stops");
        app.MapOpenApi();
        server.MapPrometheusScrapingEndpoint();
    }

    private static async Task<IResult> Embed(HttpContext context, Places places, Uploads uploads, ServedNetwork network, Measures measures,
        ILogger<ServedNetwork> log)
    {
        try
        {
            // The body is not read before the request has a place, so waiting requests need almost no memory.
            using var place = await places.Take(context.RequestAborted);
            var began = Stopwatch.GetTimestamp();
            var pictures = await uploads.Read(context.Request, context.RequestAborted);
            var embeddings = await network.Embed(pictures, context.RequestAborted);
            measures.Embedded(embeddings.Count, Stopwatch.GetElapsedTime(began));
            return Answer(context, embeddings, network);
        }
        catch (Refusal refusal)
        {
            measures.Refused(refusal);
            Log.Refused(log, refusal.Status, refusal.Message);
            if (refusal.Status == StatusCodes.Status503ServiceUnavailable) context.Response.Headers.RetryAfter = "1";
            return Results.Problem(refusal.Message, statusCode: refusal.Status);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone, so nobody reads the answer.
            return Results.Empty;
        }
    }

    private static IResult Answer(HttpContext context, IReadOnlyList<Embedding> embeddings, ServedNetwork network)
    {
        var dimension = embeddings[0].Vector.Length;
        if (!WantsBinary(context.Request)) return TypedResults.Json(new EmbedAnswer(embeddings, dimension,
            new SpaceName(network.Space.Architecture, network.Space.Fingerprint!, network.Space.Distance)),
            AnswerContext.Default.EmbedAnswer);
        var headers = context.Response.Headers;
        headers["Embedding-Dimension"] = dimension.ToString(CultureInfo.InvariantCulture);
        headers["Embedding-Fingerprint"] = network.Space.Fingerprint;
        var bytes = new byte[embeddings.Count * dimension * sizeof(float)];
        var place = bytes.AsSpan();
        foreach (var value in embeddings.SelectMany(embedding => embedding.Vector))
        {
            BinaryPrimitives.WriteSingleLittleEndian(place, value);
            place = place[sizeof(float)..];
        }
        return Results.Bytes(bytes, Binary);
    }

    /// <summary>Whether the client prefers plain numbers to JSON.</summary>
    private static bool WantsBinary(HttpRequest request)
    {
        double binary = 0, json = 0;
        foreach (var accepted in request.GetTypedHeaders().Accept)
        {
            var weight = accepted.Quality ?? 1;
            if (accepted.MediaType.Equals(Binary, StringComparison.OrdinalIgnoreCase)) binary = weight;
            else if (accepted.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)) json = weight;
        }
        return binary > json;
    }
}
