using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that a loss that claims to equal the code of others names the version of that code and its date. The code may have
/// changed since.</summary>
public partial class ReproductionTests
{
    private static readonly string losses = Path.Combine(Repository.Root, "src", "MetricLearning", "Losses");

    [Fact]
    public void ClaimsOfEquality_NameTheVersionAndTheDate() => Faults.None(Claims(Repository.Read("docs", "losses.md"))
        .Concat(Directory.GetFiles(losses, "*.cs", SearchOption.AllDirectories).SelectMany(file => Claims(File.ReadAllText(file))))
        .Where(claim => !Dated().IsMatch(claim)).Select(claim => $"no version and date: {claim}"));

    [Fact]
    public void Claims_AreFound()
    {
        Assert.Equal(3, Claims(Repository.Read("docs", "losses.md")).Count()
            + Claims(File.ReadAllText(Path.Combine(losses, "TripletHardLoss.cs"))).Count());
        Assert.Single(Claims("/// Reproduces\n/// X's loss exactly: it is so."));
        Assert.Matches(Dated(), "X d208d75 (2024-04-15), to the letter");
        Assert.Matches(Dated(), "X 2.8.1 (2024-12-11), to the letter");
        Assert.DoesNotMatch(Dated(), "X d208d75, to the letter");
        Assert.DoesNotMatch(Dated(), "X (2024-04-15), to the letter");
    }

    /// <summary>The sentences that claim equality. A sentence of a comment may have several lines.</summary>
    private static IEnumerable<string> Claims(string text) =>
        Claim().Matches(CommentStart().Replace(text, " ")).Select(match => match.Value);

    [GeneratedRegex(@"Reproduces [^:\n]* exactly|exactly as [^:.\n]*|^.* to the letter", RegexOptions.Multiline)]
    private static partial Regex Claim();

    [GeneratedRegex(@"\n\s*///\s*")]
    private static partial Regex CommentStart();

    [GeneratedRegex(@"\b([0-9a-f]{7,}|\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)")]
    private static partial Regex Dated();
}
