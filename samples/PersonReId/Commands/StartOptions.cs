using System.CommandLine;
using System.CommandLine.Parsing;

namespace PersonReId.Commands;

/// <summary>The options that say what to do with a run in the output folder.</summary>
internal sealed class StartOptions
{
    private readonly Option<bool> resume = new("--resume") { Description = "Goes on with the run in the output folder" };
    private readonly Option<bool> overwrite = new("--overwrite")
    {
        Description = "Deletes the run in the output folder and begins anew; without this and --resume, a folder with a run is refused",
    };

    public StartOptions(Command command)
    {
        command.Add(resume);
        command.Add(overwrite);
        command.Validators.Add(result =>
        {
            if (CheckOptions.ValueOf(result, resume) && CheckOptions.ValueOf(result, overwrite))
                result.AddError("Give --resume or --overwrite, not both.");
        });
    }

    /// <summary>Whether a run goes on.</summary>
    public bool Resumes(SymbolResult result) => CheckOptions.ValueOf(result, resume);

    public RunStart Read(ParseResult result) =>
        result.GetValue(resume) ? RunStart.Resume : result.GetValue(overwrite) ? RunStart.Overwrite : RunStart.New;
}
