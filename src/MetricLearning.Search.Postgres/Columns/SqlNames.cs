using System.Text;

namespace MetricLearning.Search;

/// <summary>Checks and quotes names of tables and columns.</summary>
internal static class SqlNames
{
    /// <summary>The largest length of a name. PostgreSQL truncates longer names, so two of them could become equal.</summary>
    private const int MostBytes = 63;

    /// <summary>Quotes a name for SQL.</summary>
    public static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Refuses a name that PostgreSQL cannot store unchanged.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">The kind of object in messages.</param>
    /// <param name="argument">The argument or property that has the name.</param>
    public static string Checked(string name, string what, string argument = "name")
    {
        UnicodeText.Require(name, argument, $"The name of {what}");
        return StoredText.CanKeepValue(name) && Encoding.UTF8.GetByteCount(name) is >= 1 and <= MostBytes ? name
            : throw new ArgumentException($"The name of {what} must have 1 to {MostBytes} bytes in UTF-8 and no character U+0000, got "
                + $"'{name}'.", argument);
    }
}
