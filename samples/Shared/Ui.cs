using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace MetricLearning.Samples;

/// <summary>A user's mistake, explained in one line.</summary>
internal class UserErrorException(string message) : Exception(message);

/// <summary>Options that do not fit each other. It is a mistake in the command line that needs more than the parser to be found.</summary>
internal sealed class WrongOptionException(string message) : UserErrorException(message);

/// <summary>Prints to the console.</summary>
internal static class Ui
{
    /// <summary>Whether the output is a terminal. Output to a file or a pipe gets plain lines.</summary>
    public static bool Live => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive;

    public static void Line(string text = "") => Console.WriteLine(text);

    public static void Heading(string text)
    {
        if (Live) AnsiConsole.MarkupLine($"\n[bold]{Markup.Escape(text)}[/]");
        else Console.WriteLine($"\n{text}");
    }

    /// <summary>A table whose first row is the header and whose first column is left-aligned.</summary>
    public static void Table(IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length)).ToArray();
        for (var i = 0; i < rows.Count; i++)
        {
            var text = string.Join("  ", rows[i].Select((cell, c) => c == 0 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c])));
            Line("  " + text.TrimEnd());
            if (i == 0) Line("  " + new string('─', widths.Sum() + 2 * (widths.Length - 1)));
        }
    }

    public static string Percent(double share) => double.IsNaN(share) ? "-" : (100 * share).ToString("0.0", CultureInfo.InvariantCulture);

    public static string Time(TimeSpan time) => time.ToString(time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);
}

/// <summary>The progress of a piece of work: it is a bar with the remaining time on a terminal, and a line every ten seconds elsewhere. Any
/// number of threads may use it at once.</summary>
internal sealed class Bar : IDisposable
{
    private static readonly TimeSpan quiet = TimeSpan.FromSeconds(10);
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly TaskCompletionSource finished = new();
    private readonly Lock gate = new();
    private readonly string title;
    private readonly long total;
    private readonly Task? drawing;
    private ProgressTask? task;
    private TimeSpan lastLine;
    private long done;

    public Bar(string title, long total)
    {
        (this.title, this.total) = (title, total);
        if (!Ui.Live) return;
        drawing = AnsiConsole.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                task = context.AddTask(Markup.Escape(title), maxValue: Math.Max(1, total));
                return finished.Task;
            });
    }

    /// <summary>Shows the number of steps that are done, with a note next to the bar.</summary>
    public void To(long steps, string? note = null)
    {
        lock (gate)
        {
            done = Math.Max(done, steps);
            if (drawing is null) WriteLine(note);
            else if (task is not null)
            {
                task.Description = Markup.Escape(note is null ? title : $"{title}  {note}");
                task.Value = done;
            }
        }
    }

    /// <summary>Adapts this bar to a method that reports progress of type <typeparamref name="T"/>.</summary>
    /// <param name="steps">Returns the number of steps that are done according to a report.</param>
    public IProgress<T> Of<T>(Func<T, long> steps) => new Reporter<T>(this, steps);

    public void Dispose()
    {
        finished.TrySetResult();
        drawing?.Wait();
    }

    private void WriteLine(string? note)
    {
        if (clock.Elapsed - lastLine < quiet || done >= total) return;
        lastLine = clock.Elapsed;
        var left = clock.Elapsed * ((double)(total - done) / Math.Max(1, done));
        Ui.Line($"  {title}{(note is null ? "" : "  " + note)}: {100 * done / Math.Max(1, total)} %, {Ui.Time(left)} left");
    }
    /// <summary>Shows each report at once. <see cref="Progress{T}"/> would show it later, on another thread.</summary>
    private sealed class Reporter<T>(Bar bar, Func<T, long> steps) : IProgress<T>
    {
        public void Report(T value) => bar.To(steps(value));
    }
}
