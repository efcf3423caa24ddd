using System.CommandLine;

namespace MetricLearning.Samples;

/// <summary>Options whose files or folders must exist.</summary>
internal static class ExistingPath
{
    /// <summary>Refuses a file, or a folder if the option takes folders, that does not exist. The error has the full path, so it shows
    /// which folder a relative path was looked up in.</summary>
    public static Option<T> MustExist<T>(this Option<T> option)
    {
        var isFolder = typeof(T) == typeof(DirectoryInfo);
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
                if (isFolder ? !Directory.Exists(token.Value) : !File.Exists(token.Value))
                    result.AddError($"{option.Name}: there is no {(isFolder ? "folder" : "file")} "
                        + $"{Path.GetFullPath(token.Value, Environment.CurrentDirectory)}.");
        });
        return option;
    }
}
