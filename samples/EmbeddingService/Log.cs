namespace EmbeddingService;

/// <summary>The messages that the program writes to its log.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Information, "Serving {Network}: {Dimension} numbers per picture, fingerprint {Fingerprint}")]
    public static partial void Serving(ILogger log, string network, int dimension, string fingerprint);

    [LoggerMessage(LogLevel.Information, "Stopping: requests that have started are finished")]
    public static partial void Stopping(ILogger log);

    [LoggerMessage(LogLevel.Debug, "Refused with {Status}: {Detail}")]
    public static partial void Refused(ILogger log, int status, string detail);
}
