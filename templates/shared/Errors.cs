namespace MetricLearning.Samples;

/// <summary>Tells mistakes of the user in one line. Errors of the program itself still show where they occurred.</summary>
internal static class Errors
{
    /// <param name="isMistake">Recognizes further exceptions that a user can cause.</param>
    public static void TellMistakes(Func<Exception, bool>? isMistake = null) => AppDomain.CurrentDomain.UnhandledException += (_, thrown) =>
    {
        var error = (Exception)thrown.ExceptionObject;
        if (error is not (IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException)
            && isMistake?.Invoke(error) != true) return;
        Console.Error.WriteLine($"error: {MessageOf(error)}");
        Environment.Exit(1);
    };

    /// <summary>The message without the name of a parameter, which tells a user nothing.</summary>
    public static string MessageOf(Exception error) => error is ArgumentException { ParamName: { } name }
        ? error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : error.Message;
}
