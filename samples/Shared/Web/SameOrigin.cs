namespace MetricLearning.Samples;

/// <summary>Refuses requests that another web page makes in the user's browser, and tells the browser to load nothing from
/// elsewhere.</summary>
internal static class SameOrigin
{
    public static void Use(WebApplication app) => app.Use(async (context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (IsForeign(context.Request))
        {
            await Results.Problem("Another web page may not call this program.", statusCode: StatusCodes.Status403Forbidden)
                .ExecuteAsync(context);
            return;
        }
        await next(context);
    });

    private static bool IsForeign(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)) return false;
        // Browsers send Origin with such requests, and Sec-Fetch-Site if the address is local or HTTPS. No page can change these headers.
        // Other programs usually send neither.
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length > 0 && site is not ("same-origin" or "none")) return true;
        var origin = request.Headers.Origin.ToString();
        return origin.Length > 0 && origin != $"{request.Scheme}://{request.Host}";
    }
}
