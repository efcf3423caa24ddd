namespace MetricLearning;

/// <summary>Tells a full disk from other errors, and says what to do about it.</summary>
internal static class FullDisk
{
    /// <summary>Errors of Linux and macOS: no space, the limit of a file's size, and the quota of a user, which has two numbers.</summary>
    private const int NoSpace = 28, FileTooLarge = 27, Quota = 122, QuotaOfMac = 69;

    /// <summary>Errors of Windows: the disk is full, as two calls say it.</summary>
    private const int DiskFull = unchecked((int)0x80070070), HandleDiskFull = unchecked((int)0x80070027);

    /// <summary>Whether a file could not be written for want of room. For a file beyond the limit of its size, .NET says that the length
    /// is out of range.</summary>
    public static bool Is(Exception e) => e switch
    {
        IOException when OperatingSystem.IsWindows() => e.HResult is DiskFull or HandleDiskFull,
        IOException => e.HResult is NoSpace or FileTooLarge || e.HResult == (OperatingSystem.IsMacOS() ? QuotaOfMac : Quota),
        ArgumentOutOfRangeException { ParamName: "value", ActualValue: null } => e.Source == typeof(FileStream).Assembly.GetName().Name,
        _ => false,
    };

    /// <summary>The error with the name of the file that was to be written.</summary>
    public static IOException Named(string path, Exception e) => new($"{path}: there is no room for it on the disk, or in the limits of "
        + $"the user. Make room and write again; the file is as it was before. ({e.Message})", e) { HResult = e.HResult };
}
