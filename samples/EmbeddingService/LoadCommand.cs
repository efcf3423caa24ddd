using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace EmbeddingService;

/// <summary><c>load</c>: sends pictures to a running service on this computer, and prints how long answers take and how much memory the
/// service uses.</summary>
internal static partial class LoadCommand
{
    private const int Reports = 10;

    public static Command Create(int usualPort)
    {
        var command = new Command("load", "Sends pictures to a service on this computer: time of the answers, memory of the service");
        var pictures = new Option<FileInfo[]>("--pictures")
        {
            Description = "The pictures, in turn", HelpName = "FILE ...", Required = true, AllowMultipleArgumentsPerToken = true,
        }.MustExist();
        var requests = new Option<int>("--requests") { Description = "Requests in all", DefaultValueFactory = _ => 10_000 };
        var clients = new Option<int>("--clients") { Description = "Clients that send at once", DefaultValueFactory = _ => 8 };
        var port = ServicePort.Option(usualPort);
        foreach (var count in new[] { requests, clients })
            CheckOptions.Each(count, number => number is >= 1 and <= 1_000_000, $"{count.Name} must be from 1 to 1000000.");
        foreach (var option in new Option[] { pictures, requests, clients, port }) command.Add(option);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var contents = parsed.GetRequiredValue(pictures).Select(file => File.ReadAllBytes(file.FullName)).ToArray();
            using var client = new HttpClient { BaseAddress = new UriBuilder(Uri.UriSchemeHttp, "127.0.0.1", parsed.GetValue(port)).Uri };
            await Run(client, contents, parsed.GetValue(requests), parsed.GetValue(clients), cancellationToken);
        });
        return command;
    }

    private static async Task Run(HttpClient client, byte[][] pictures, int requests, int clients, CancellationToken cancellationToken)
    {
        Ui.Line($"  {"requests",8}  {"a second",8}  {"median",8}  {"p99",8}  {"longest",8}  {"memory",8}");
        var all = new List<double>(requests);
        var began = Stopwatch.GetTimestamp();
        for (var part = 0; part < Reports; part++)
        {
            var (first, last) = ((int)((long)requests * part / Reports), (int)((long)requests * (part + 1) / Reports));
            var clock = Stopwatch.GetTimestamp();
            var times = await Send(client, pictures, first, last, clients, cancellationToken);
            all.AddRange(times);
            await Report(last.ToString(CultureInfo.InvariantCulture), times, Stopwatch.GetElapsedTime(clock));
        }
        await Report("all", all, Stopwatch.GetElapsedTime(began));

        async Task Report(string name, List<double> times, TimeSpan time)
        {
            if (times.Count == 0) return;
            times.Sort();
            var memory = await Memory(client, cancellationToken) is { } bytes
                ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6,5:0} MB") : $"{"unknown",8}";
            Ui.Line(string.Create(CultureInfo.InvariantCulture, $"  {name,8}  {times.Count / time.TotalSeconds,8:0}  ")
                + string.Create(CultureInfo.InvariantCulture, $"{Quantile(0.5),5:0} ms  {Quantile(0.99),5:0} ms  {times[^1],5:0} ms  ")
                + memory);

            double Quantile(double share) => times[(int)(share * (times.Count - 1))];
        }
    }

    /// <summary>The milliseconds of each request.</summary>
    private static async Task<List<double>> Send(HttpClient client, byte[][] pictures, int first, int last, int clients,
        CancellationToken cancellationToken)
    {
        var next = first - 1;
        var times = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            var own = new List<double>();
            for (int i; (i = Interlocked.Increment(ref next)) < last;)
            {
                using var content = new ByteArrayContent(pictures[i % pictures.Length]);
                content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                var began = Stopwatch.GetTimestamp();
                using var answer = await client.PostAsync(new Uri("embed", UriKind.Relative), content, cancellationToken);
                answer.EnsureSuccessStatusCode();
                own.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
            return own;
        }, cancellationToken)));
        return [.. times.SelectMany(own => own)];
    }

    /// <summary>The memory of the service in bytes, read from its metrics; null if they do not tell it.</summary>
    private static async Task<double?> Memory(HttpClient client, CancellationToken cancellationToken)
    {
        var metrics = await client.GetStringAsync(new Uri("metrics", UriKind.Relative), cancellationToken);
        return WorkingSet().Match(metrics) is { Success: true } match
            ? double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;
    }

    [GeneratedRegex(@"^dotnet_process_memory_working_set_bytes(?:\{[^}]*\})? (\S+)", RegexOptions.Multiline)]
    private static partial Regex WorkingSet();
}
