using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace MetricLearning.Search.Tests;

/// <summary>Remembers the commands of a source of connections.</summary>
internal sealed class CommandLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<string> commands = [];

    /// <summary>The commands, each as Npgsql logs it. A batch is one command.</summary>
    public IReadOnlyCollection<string> Commands => commands;

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        var text = formatter(state, exception);
        if (text.Contains("execution completed", StringComparison.Ordinal)) commands.Enqueue(text);
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
