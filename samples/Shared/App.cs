using System.CommandLine;
using System.CommandLine.Help;
using System.Reflection;
using System.Runtime.InteropServices;

namespace MetricLearning.Samples;

/// <summary>Runs a program's command, and reports every error in one line: exit code 2 for wrong arguments, 1 for any other
/// error, and 128 and the number of the signal for work that a signal stopped.</summary>
internal static class App
{
    /// <summary>The width of help in a file or a pipe. On a terminal, help is as wide as the terminal.</summary>
    private const int RedirectedWidth = 100;

    /// <summary>Added to the number of a signal, this is the exit code of a program that the signal stopped.</summary>
    private const int FirstSignalCode = 128;

    /// <summary>Returns the message of an error in one line, without the name of a parameter of the program.</summary>
    public static string MessageOf(Exception e)
    {
        var message = e is ArgumentException wrong ? MessageText.WithoutParameter(wrong) : e.Message;
        return string.Join(' ', message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Returns what made a type or a call fail: such an exception only says that another one was thrown.</summary>
    private static Exception CauseOf(Exception e) =>
        e is TypeInitializationException or TargetInvocationException or AggregateException && e.InnerException is { } inner
            ? CauseOf(inner) : e;

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        // A network frees and allocates the same large buffers at each step: see docs/torchsharp.md.
        NativeAllocator.KeepFreedMemory();

        var debug = new Option<bool>("--debug") { Description = "Shows where in the program an error occurred", Recursive = true };
        root.Add(debug);

        // A terminal that was closed takes no more text. This must not end the work before it has stopped at a good place.
        if (!Console.IsOutputRedirected) Console.SetOut(new TerminalWriter(Console.Out));
        // An error is reported also if no file can be opened any more, so the stream is opened now.
        Console.SetError(Console.IsErrorRedirected ? Console.Error : new TerminalWriter(Console.Error));

        // The first Ctrl-C, SIGTERM of a scheduler, or closed terminal asks the work to stop at a good place; a second signal ends the
        // program at once.
        using var stop = new CancellationTokenSource();
        var stopped = 0;
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, 2));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, 15));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => Stop(signal, 1));

        foreach (var help in root.Options.Select(option => option.Action).OfType<HelpAction>())
            if (Console.IsOutputRedirected) help.MaxWidth = RedirectedWidth;
        if (!HasCurrentFolder())
        {
            Console.Error.WriteLine("error: the current folder was deleted. Change to another one.");
            return 1;
        }
        var parsed = root.Parse(args);
        if (ParseErrors.Of(parsed).ToList() is { Count: > 0 } errors)
        {
            foreach (var error in errors) Console.Error.WriteLine($"error: {error}");
            return Wrong();
        }
        try
        {
            var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return await parsed.InvokeAsync(configuration, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Console.Error.WriteLine("stopped");
            return FirstSignalCode + stopped;
        }
#pragma warning disable CA1031 // The last line of defense: every error is reported in one line.
        catch (Exception e)
#pragma warning restore CA1031
        {
            var cause = CauseOf(e);
            var expected = cause is UserErrorException or IOException or InvalidDataException or ArgumentException
                or UnauthorizedAccessException or NotSupportedException;
            var kind = expected ? "" : $" {cause.GetType().Name}:";
            Console.Error.WriteLine(parsed.GetValue(debug) ? $"error:{kind} {e}" : $"error:{kind} {MessageOf(cause)}");
            return cause is WrongOptionException ? Wrong() : 1;
        }

        static bool HasCurrentFolder()
        {
            try
            {
                return Directory.GetCurrentDirectory().Length > 0;
            }
            catch (FileNotFoundException)
            {
                return false;
            }
        }

        int Wrong()
        {
            var command = parsed.CommandResult.Command;
            Console.Error.WriteLine($"Help: {typeof(App).Assembly.GetName().Name} {(command == root ? "" : command.Name + " ")}--help");
            return 2;
        }

        void Stop(PosixSignalContext signal, int number)
        {
            if (stop.IsCancellationRequested) return;
            signal.Cancel = true;
            stopped = number;
            stop.Cancel();
        }
    }
}
