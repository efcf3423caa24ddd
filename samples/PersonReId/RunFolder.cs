using System.Globalization;
using MetricLearning;

namespace PersonReId;

/// <summary>Says what to do with a run in the output folder.</summary>
internal enum RunStart
{
    /// <summary>Start a run; refuse a folder that holds one.</summary>
    New,

    /// <summary>Continue the run in the folder.</summary>
    Resume,

    /// <summary>Start a run, and delete the one in the folder.</summary>
    Overwrite,
}

/// <summary>The folder of a run: its checkpoints, and the report, which is written last. So a run whose report exists is
/// finished.</summary>
internal sealed class RunFolder(DirectoryInfo folder)
{
    public string Name => folder.FullName;
    public string Last => Path.Combine(Name, TrainingCheckpoint.LastFile);
    public string Best => Path.Combine(Name, TrainingCheckpoint.BestFile);

    /// <summary>The checkpoint that is kept after an epoch.</summary>
    public string Numbered(int epoch) => Path.Combine(Name, string.Create(CultureInfo.InvariantCulture, $"epoch-{epoch:000}.safetensors"));

    public string Report => Path.Combine(Name, "report.html");

    public bool IsFinished => File.Exists(Report);

    /// <exception cref="UserErrorException">The folder does not hold what <paramref name="start"/> asks for.</exception>
    public void Check(RunStart start)
    {
        if (start == RunStart.New && Files.Any()) throw new UserErrorException(
            $"{Name} holds a run. --resume goes on with it, --overwrite deletes it and begins anew; or take another --output.");
        if (start == RunStart.Resume && !File.Exists(Last)) throw new UserErrorException(
            $"There is nothing to resume: no checkpoint {Last}.");
    }

    /// <summary>Checks that a new run reads none of the files that <see cref="Clear"/> deletes.</summary>
    /// <param name="inputs">Options and the files that they name; null for options that are not given.</param>
    /// <exception cref="UserErrorException">It reads one.</exception>
    public void CheckKeeps(params IEnumerable<(string Option, FileInfo? File)> inputs)
    {
        var deleted = Files.Select(Outputs.Real).ToHashSet();
        foreach (var (option, file) in inputs)
            if (file is not null && deleted.Contains(Outputs.Real(file.FullName))) throw new UserErrorException(
                $"{option} {file.FullName} is a file of the run that --overwrite deletes. Move it, or name another --output.");
    }

    /// <summary>Deletes the files of a run.</summary>
    public void Clear()
    {
        foreach (var file in Files.ToList()) File.Delete(file);
    }

    /// <summary>The files of a run that are in the folder.</summary>
    private IEnumerable<string> Files => new[] { Report, Best, Last }.Where(File.Exists)
        .Concat(Directory.Exists(Name) ? Directory.GetFiles(Name, "epoch-*.safetensors") : []);
}
