namespace PersonReId;

/// <summary>Writes arguments as a shell reads them.</summary>
internal static class Shell
{
    /// <summary>The argument, in quotes if a shell would change it.</summary>
    public static string Quote(string argument) =>
        argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || "/._-+=:@%,".Contains(c, StringComparison.Ordinal))
            ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
