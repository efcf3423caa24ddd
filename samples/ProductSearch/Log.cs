namespace ProductSearch;

/// <summary>The messages that the program writes to its log.</summary>
internal static partial class Log
{
    [LoggerMessage(LogLevel.Information, "Ready: {Count} products")]
    public static partial void Ready(ILogger log, int count);

    [LoggerMessage(LogLevel.Error, "The catalogue cannot be prepared")]
    public static partial void CannotBegin(ILogger log, Exception exception);

    [LoggerMessage(LogLevel.Warning, "{Count} pictures of an earlier network are left out: their copies in {Folder}/pictures are missing "
        + "or damaged. Add their folders again")]
    public static partial void CannotTakeOver(ILogger log, int count, string folder);

    [LoggerMessage(LogLevel.Warning, "A folder cannot be added completely")]
    public static partial void CannotGoOn(ILogger log, Exception exception);
}
