using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace MetricLearning.Search.Tests;

/// <summary>A proxy to the server. A test can cut its connections.</summary>
internal sealed class Proxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly NpgsqlConnectionStringBuilder target;
    private readonly List<TcpClient> clients = [];
    private readonly Task accepting;

    public Proxy(string connection)
    {
        target = new NpgsqlConnectionStringBuilder(connection);
        listener.Start();
        Connection = new NpgsqlConnectionStringBuilder(connection)
        {
            Host = "127.0.0.1", Port = ((IPEndPoint)listener.LocalEndpoint).Port, Timeout = 5,
            GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString;
        accepting = AcceptAsync();
    }

    public string Connection { get; }

    /// <summary>The number of connections that are refused before one is accepted; the largest number refuses all.</summary>
    public int Refused { get; set; }

    /// <summary>The number of connections that were opened.</summary>
    public int Came { get; private set; }

    /// <summary>The number of bytes from the program after which all connections are cut; null for never.</summary>
    public long? CutAfter { get; set; }

    /// <summary>Called when the program asks the server to commit, before the server gets it.</summary>
    public Action? Commits { get; set; }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
            Came++;
            if (Refused > 0)
            {
                if (Refused < int.MaxValue) Refused--;
                client.Dispose();
                continue;
            }
            var server = new TcpClient();
            await server.ConnectAsync(target.Host!, target.Port);
            lock (clients) clients.AddRange([client, server]);
            _ = CopyAsync(client, server, counts: true);
            _ = CopyAsync(server, client, counts: false);
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, bool counts)
    {
        try
        {
            var buffer = new byte[1024];
            while (await from.GetStream().ReadAsync(buffer) is var count && count > 0)
            {
                if (counts && buffer.AsSpan(0, count).IndexOf("COMMIT\0"u8) >= 0) Commits?.Invoke();
                if (counts && CutAfter is { } left && (CutAfter = left - count) < 0) break;
                await to.GetStream().WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
        }
        from.Dispose();
        to.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        await accepting;
        lock (clients)
            foreach (var client in clients) client.Dispose();
    }
}
