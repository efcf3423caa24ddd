using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;

namespace ProductSearch.Tests;

/// <summary>Sends many requests for stored vectors while a folder is added. METRICLEARNING_LOAD=1 runs it, for a minute.</summary>
public sealed class LoadTests(RunningServer server) : IClassFixture<RunningServer>
{
    private const int PerSecond = 200, Requests = 10_000, Pictures = 600, Asked = 40, Count = 20;

    [Fact]
    public async Task AnswersStayRight_AndTheMemoryFlat_UnderLoad()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("METRICLEARNING_LOAD") == "1", "METRICLEARNING_LOAD=1 runs it for a minute.");
        var folder = Directory.CreateDirectory(Path.Combine(server.Photos, "load"));
        for (var i = 0; i < Pictures; i++) File.WriteAllBytes(Path.Combine(folder.FullName, $"{i}.jpg"), await server.Example(1000 + i));
        string[] asked = [.. Enumerable.Range(0, Asked).Select(number => Startup.IdOf(server.Settings, number))];
        var expected = new Dictionary<string, string[]>();
        foreach (var id in asked) expected[id] = await DrawnAsync(id, 200);

        var (times, wrong, lost) = (new double[Requests], 0, 0);
        var (memory, flat) = (new List<double>(), Process.GetCurrentProcess());
        await server.Client.PostAsJsonAsync(new Uri("api/index", UriKind.Relative), new { folder = "load" });
        var (clock, running, added) = (Stopwatch.StartNew(), new List<Task>(), 0);
        for (var request = 0; request < Requests; request++)
        {
            // Requests are sent at fixed times, whether earlier ones are answered or not.
            var due = TimeSpan.FromSeconds((double)request / PerSecond);
            while (clock.Elapsed < due) await Task.Delay(1);
            var (number, id) = (request, asked[request % Asked]);
            running.Add(Task.Run(async () =>
            {
                try
                {
                    var found = await DrawnAsync(id, Count);
                    times[number] = (clock.Elapsed - due).TotalMilliseconds;
                    // Added pictures appear between the drawn products, whose order does not change.
                    if (!expected[id].AsSpan(0, found.Length).SequenceEqual(found)) Interlocked.Increment(ref wrong);
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref lost);
                }
            }));
            if (request % 2000 == 1999)
            {
                flat.Refresh();
                memory.Add(flat.WorkingSet64 / 1048576.0);
            }
            if (added == 0 && server.Board.Current is { Activity: null, Message: not null }) added = request;
        }
        await Task.WhenAll(running);
        Array.Sort(times);
        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Requests:N0} requests at {PerSecond} a second while {Pictures} pictures were added (until request {added:N0}): "
            + $"p50 {times[Requests / 2]:0.0} ms, p99 {times[Requests * 99 / 100]:0.0} ms, longest {times[^1]:0.0} ms; "
            + $"{wrong} wrong, {lost} lost; memory {string.Join(", ", memory.Select(value => $"{value:0}"))} MB"));
        Assert.Equal((0, 0), (wrong, lost));
        // The first readings are from the time of indexing.
        Assert.InRange(memory[^1] - memory[^2], double.NegativeInfinity, 50);
    }

    /// <summary>The drawn products that are like one, in order.</summary>
    private async Task<string[]> DrawnAsync(string id, int count)
    {
        var answer = await RunningServer.Answer(await server.Client.GetAsync(new Uri($"api/products/{id}/similar?count={count}",
            UriKind.Relative)));
        Assert.InRange(answer.Results.Count, Math.Min(count, RunningServer.Products - 1), count);
        return [.. answer.Results.Select(result => result.Id).Where(found => found.StartsWith("drawn-", StringComparison.Ordinal))];
    }
}
