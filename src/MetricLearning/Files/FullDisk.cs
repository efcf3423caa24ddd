namespace MetricLearning;

/// <summary>Recognizes the errors of a full disk, and says what to do.</summary>
internal static class FullDisk
{
    /// <summary>Errors of Linux and macOS: no space, the limit of a file's size, and the quota of a user, whose number differs on
    /// macOS.</summary>
    private const int NoSpace = 28, FileTooLarge = 27, Quota = 122, QuotaOfMac = 69;

    /// <summary>Errors of Windows: two numbers for a full disk.</summary>
    private const int DiskFull = unchecked((int)0x80070070), HandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether a write failed because there was no room. If a file would exceed the limit of its size, .NET reports a length that
    /// is out of range.</summary>
    public static bool Is(Exception e) => e switch
    {
        IOException when OperatingSystem.IsWindows() => e.HResult is DiskFull or HandleDiskFull,
        IOException => e.HResult is NoSpace or FileTooLarge || e.HResult == (OperatingSystem.IsMacOS() ? QuotaOfMac : Quota),
        ArgumentOutOfRangeException { ParamName: "value", ActualValue: null } => e.Source == typeof(FileStream).Assembly.GetName().Name,
        _ => false,
    };

    /// <summary>The same error with the name of the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="e">The error.</param>
    /// <param name="next">What to do when there is room, and what the file is then.</param>
    public static IOException Named(string path, Exception e, string next = "write again; the file is as it was before") =>
        new($"{path}: there is no room for it on the disk, or in the limits of the user. Make room and {next}. ({e.Message})", e)
        {
            HResult = e.HResult,
        };
}
