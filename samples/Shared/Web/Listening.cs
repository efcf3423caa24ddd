using System.Net.Sockets;

namespace MetricLearning.Samples;

/// <summary>Starts web servers.</summary>
internal static class Listening
{
    /// <summary>The part of ASP.NET that listens. It refuses some addresses, such as ftp://localhost, by exceptions that may also be errors
    /// of a program.</summary>
    private const string Kestrel = "Microsoft.AspNetCore.Server.Kestrel.Core";

    /// <summary>Starts a server. An address at which it cannot listen is a mistake of the user, so the message names it.</summary>
    /// <param name="app">The server.</param>
    /// <param name="address">Its address, as the user gave it.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="IOException">The server cannot listen there.</exception>
    public static async Task StartAsync(WebApplication app, string? address, CancellationToken cancellationToken = default)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception e) when (e is FormatException or SocketException or ArgumentOutOfRangeException
            or InvalidOperationException { Source: Kestrel })
        {
            throw new IOException($"The program cannot listen at {address}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
