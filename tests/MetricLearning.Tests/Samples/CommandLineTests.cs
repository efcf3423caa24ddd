extern alias sample;

using System.CommandLine;
using System.Diagnostics;
using sample::MetricLearning.Samples;
using sample::PersonReId;
using sample::PersonReId.Commands;

namespace MetricLearning.Tests;

/// <summary>Tests PersonReId's messages about a wrong command line, and the width of its help.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("There is no command or option trian. Did you mean train?", "trian")]
    [InlineData("There is no option --epoch. Did you mean --epochs?", "train", "--data", ".", "--epoch", "3")]
    [InlineData("--epochs takes a whole number, got abc.", "train", "--data", ".", "--epochs", "abc")]
    [InlineData("--lr takes a number, got fast.", "train", "--data", ".", "--lr", "fast")]
    [InlineData("--lr takes a number, got 0,0003.", "train", "--data", ".", "--lr", "0,0003")]     // read as 3 with separators of thousands
    [InlineData("--scales takes numbers, got 1,5.", "evaluate", "--data", ".", "--weights", "imagenet", "--scales", "1,5")]
    [InlineData("--teacher-weight needs --teacher.", "train", "--data", ".", "--teacher-weight", "2")]
    [InlineData("--images needs --dataset csv or json.", "train", "--data", ".", "--images", ".")]
    [InlineData("--splits needs --dataset csv or json.", "train", "--data", ".", "--splits", "a", "b", "c", "--dataset", "msmt17")]
    [InlineData("--count is for queries that are drawn, and --queries names them.", "rank", "--data", ".", "--weights", "imagenet",
        "--queries", "a.jpg", "--count", "3")]
    [InlineData("--size takes 2 values, got 64 32 128 64.", "train", "--data", ".", "--size", "64", "32", "--size", "128", "64")]
    [InlineData("--epochs needs the name of a recipe.", "recipe", "--epochs", "3")]
    [InlineData("--seed stands before the command train.", "--seed", "3", "train", "--data", ".")]
    [InlineData("--arch: there is no resnet19. Near names: resnet18, ", "train", "--data", ".", "--arch", "resnet19")]
    [InlineData("--weights imagenet needs --arch cntk_resnet18, got resnet50.", "train", "--data", ".", "--weights", "imagenet", "--arch",
        "resnet50")]
    [InlineData("--output takes the path of a folder, got ''.", "demo", "--output", "")]
    [InlineData("--weights takes the path of a file, got ''.", "train", "--data", ".", "--weights", "")]
    [InlineData("--output takes the path of a file, got ''.", "extract", "--data", ".", "--weights", "imagenet", "--output", "")]
    [InlineData("--queries takes file names, got ''.", "rank", "--data", ".", "--weights", "imagenet", "--queries", "")]
    [InlineData("--widths takes different numbers of at least 1, got none.", "evaluate", "--data", ".", "--weights", "imagenet", "--widths",
        "")]
    [InlineData("--batch takes at most 10000 identities and 10000 images of each.", "train", "--data", ".", "--batch", "100000", "4")]
    [InlineData("--without: there is no RandomErasing,LabelSmoothing. It takes ", "train", "--data", ".", "--without",
        "RandomErasing,LabelSmoothing")]        // a list of values of an enum would be the sum of their numbers
    [InlineData("--without: there is no 3. ", "train", "--data", ".", "--without", "3", "--warm-up", "2")]
    [InlineData("--without WarmUp leaves out what --warm-up sets: give one of them.", "train", "--data", ".", "--without", "BNNeck",
        "WarmUp", "--warm-up", "2")]
    public void AMistake_IsReportedInOneLine(string message, params string[] arguments)
    {
        var (code, _, error) = Run(arguments);
        Assert.Equal(2, code);
        Assert.Contains($"error: {message}", error, StringComparison.Ordinal);
        Assert.Equal(2, error.TrimEnd().Split('\n').Length);        // the error, and the line that says how to get help
    }

    [Theory]
    [InlineData("--milestones takes epochs in ascending order, got 70 40.", "--milestones", "70", "40")]
    [InlineData("--milestones 40 121: the training has 120 epochs.", "--milestones", "40", "121")]
    [InlineData("--warm-up 11: the training has 10 epochs.", "--warm-up", "11", "--epochs", "10")]
    [InlineData("--margin: the recipe osnet has no such loss.", "--recipe", "osnet", "--margin", "0.5")]
    [InlineData("--without CenterLoss: the recipe lesson with the network osnet_x0_25 does not have this trick.", "--without",
        "CenterLoss")]
    [InlineData("--without WarmUp: the recipe lesson ", "--without", "WarmUp", "WarmUp")]
    [InlineData("The network osnet_x0_25 has no variant osnet_x0_25_s2.", "--without", "LastStride")]
    public void ASettingThatDoesNotFitTheOthers_IsRefused(string message, params string[] options)
    {
        var (code, _, error) = Run(["train", "--data", ".", .. options]);
        Assert.Equal(2, code);
        Assert.Contains($"error: {message}", error, StringComparison.Ordinal);
    }

    /// <summary>Gives each option of each command that takes numbers some that it cannot take.</summary>
    [Fact]
    public void EveryNumber_IsChecked()
    {
        string[] mayBeZero = ["--seed", "--eval-every", "--keep-every", "--save-minutes", "--teacher-weight", "--warm-up", "--margin",
            "--smoothing", "--erasing"];
        Type[] numbers = [typeof(int), typeof(int?), typeof(int[]), typeof(ulong), typeof(double), typeof(double?), typeof(double[])];
        var root = CommandLine.Create();
        var seen = 0;
        foreach (var command in root.Subcommands.Prepend<Command>(root))
            foreach (var option in command.Options.Where(option => numbers.Contains(option.ValueType)))
                foreach (var value in new[] { "0", "-5", "NaN", "text" })
                {
                    string[] start = (command.Name, option.Name) switch
                    {
                        ("train", "--teacher-weight") => ["train", "--teacher", typeof(CommandLineTests).Assembly.Location],
                        ("recipe", _) => ["recipe", "lesson"],
                        _ => command == root ? [] : [command.Name],
                    };
                    var parsed = root.Parse([.. start, option.Name, .. Enumerable.Repeat(value, option.Arity.MinimumNumberOfValues)]);
                    var isRefused = ParseErrors.Of(parsed).Any(error => error.StartsWith($"{option.Name} takes ", StringComparison.Ordinal)
                        || error.StartsWith($"{option.Name} must be ", StringComparison.Ordinal));
                    Assert.True(isRefused == (value != "0" || !mayBeZero.Contains(option.Name)), $"{command.Name} {option.Name} {value}");
                    seen++;
                }
        Assert.True(seen > 100, $"{seen} values");
    }

    /// <summary>Gives each option of each command the empty text, as a shell does for a variable that is not set. Validators run before the
    /// parser's errors are known, so they must not need values.</summary>
    [Fact]
    public void AnEmptyValue_NeverEndsTheProgram()
    {
        var root = CommandLine.Create();
        foreach (var command in root.Subcommands.Prepend<Command>(root))
            foreach (var option in command.Options.Where(option => option.Arity.MaximumNumberOfValues > 0))
                foreach (var other in command.Options)
                {
                    string[] start = command == root ? [] : [command.Name];
                    string[] more = other == option || other.Arity.MinimumNumberOfValues != 1 ? [] : [other.Name, "1"];
                    var values = Enumerable.Repeat("", Math.Max(1, option.Arity.MinimumNumberOfValues));
                    var parsed = root.Parse([.. start, option.Name, .. values, .. more]);
                    Assert.All(ParseErrors.Of(parsed), error => Assert.DoesNotContain("System.", error));
                }
    }

    [Fact]
    public void ADistanceThatTheProgramLacks_IsRefused_UnlessOneIsGiven()
    {
        var network = new NetworkSettings
        {
            Architecture = "resnet18", Weights = new FileInfo("w.safetensors"), File = new EmbeddingSpace { Distance = "dot" },
        };
        Assert.Contains("w.safetensors was trained with the distance dot", Assert.Throws<UserErrorException>(
            () => DistanceOption.NameOf(null, network)).Message, StringComparison.Ordinal);
        Assert.Equal("cosine", DistanceOption.NameOf("cosine", network));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("train", "--help")]
    [InlineData("evaluate", "--help")]
    public void Help_IsNotWiderThanAPage(params string[] arguments)
    {
        var (code, output, error) = Run(arguments);
        Assert.True(code == 0, error);
        Assert.Empty(error);
        Assert.DoesNotContain(output.Split('\n'), line => line.Length > 100);
        Assert.Contains("--", output, StringComparison.Ordinal);
    }

    [Fact]
    public void ACurrentFolderThatWasDeleted_IsReportedInOneLine()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not delete the current folder of a program.");
        const string script = "cd \"$1\" && rmdir \"$1\" && exec dotnet \"$2\" evaluate --data .";
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script, "sh", Directory.CreateTempSubdirectory().FullName,
            Path.Combine(AppContext.BaseDirectory, "PersonReId.dll")])
        {
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((1, "error: the current folder was deleted. Change to another one.\n"), (process.ExitCode, error));
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments) =>
        SampleProgram.Run("PersonReId", arguments);
}
