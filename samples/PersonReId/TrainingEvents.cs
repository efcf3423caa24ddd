using Microsoft.Extensions.Logging;

namespace PersonReId;

/// <summary>The entries that training writes to a log for programs. People read the lines of <see cref="TrainingLog"/>.</summary>
internal static partial class TrainingEvents
{
    [LoggerMessage(LogLevel.Information, "Training {Recipe} ({Fingerprint}) from epoch {Epoch} to {Epochs}")]
    public static partial void Started(ILogger log, string recipe, string fingerprint, double epoch, int epochs);

    [LoggerMessage(LogLevel.Information, "Epoch {Epoch}: loss {Loss}, learning rate {LearningRate}, {ImagesPerSecond} images/s")]
    public static partial void EpochEnded(ILogger log, int epoch, double loss, double learningRate, double imagesPerSecond);

    [LoggerMessage(LogLevel.Information, "After {Epoch} epochs: mAP {MeanAveragePrecision}, rank-1 {Rank1}")]
    public static partial void Evaluated(ILogger log, int epoch, double meanAveragePrecision, double rank1);

    /// <summary>Creates a log that writes each entry as one line of JSON to the standard error stream.</summary>
    public static ILoggerFactory Json() => LoggerFactory.Create(builder => builder
        .AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace)
        .AddJsonConsole(options => options.TimestampFormat = "O"));
}
