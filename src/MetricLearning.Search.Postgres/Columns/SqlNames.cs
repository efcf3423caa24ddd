using System.Text;

namespace MetricLearning.Search;

/// <summary>Names of tables and columns.</summary>
internal static class SqlNames
{
    /// <summary>PostgreSQL cuts longer names, so that two of them could become one.</summary>
    private const int MostBytes = 63;

    /// <summary>A name in quotes, which any statement may hold.</summary>
    public static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Refuses a name that PostgreSQL cannot keep as it is.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What is named, as messages say it.</param>
    public static string Checked(string name, string what)
    {
        if (name.Contains('\0', StringComparison.Ordinal) || Encoding.UTF8.GetByteCount(name) is < 1 or > MostBytes)
            throw new ArgumentException($"The name of {what} must have 1 to {MostBytes} bytes in UTF-8 and no character U+0000, got "
                + $"'{name}'.", nameof(name));
        return name;
    }
}
