using MetricLearning.Testing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that every piece of C# in the documents compiles against the libraries. The test is in this project because the project
/// references all libraries.</summary>
/// <remarks>The pieces of a page in <see cref="programs"/> are one program. On other pages each piece is separate. A name that it uses and
/// does not declare is a member of <see cref="SnippetContext"/>, or of the nested class that is named after the page.</remarks>
public class SnippetTests
{
    private static readonly string[] usings =
    [
        "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Threading", "System.Threading.Tasks",
        "MetricLearning", "MetricLearning.Vision", "MetricLearning.Search", "MetricLearning.Onnx", "MetricLearning.Onnx.Runtime",
        "TorchSharp", "static TorchSharp.torch",
    ];

    /// <summary>The pages whose pieces together are a program. eng/prove-package.sh runs them.</summary>
    private static readonly string[] programs = ["docs/extending.md", "docs/getting-started.md"];

    private static readonly Lazy<MetadataReference[]> references = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Append(typeof(SnippetContext).Assembly.Location).Distinct().Select(path => MetadataReference.CreateFromFile(path))]);

    public static TheoryData<string> Pages =>
        [.. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
        .Concat(Directory.GetFiles(Repository.Root, "*.md"))
        .Concat(Directory.GetDirectories(Path.Combine(Repository.Root, "src")).Select(library => Path.Combine(library, "README.md")))
        .Select(page => Path.GetRelativePath(Repository.Root, page)).Order()];

    [Theory, MemberData(nameof(Pages))]
    public void EverySnippet_Compiles(string page)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, page));
        var name = string.Concat(Path.GetFileNameWithoutExtension(page).Split('-')
            .Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
        var context = typeof(SnippetContext).GetNestedType(name) is null ? nameof(SnippetContext) : $"{nameof(SnippetContext)}.{name}";
        var pieces = Snippets(lines).ToList();
        if (programs.Contains(page.Replace('\\', '/')))
            pieces = [(pieces[0].Line, string.Join('\n', pieces.Select(piece => piece.Code)))];
        var errors = pieces.SelectMany(snippet => Compile(snippet.Code, context)
            .Select(error => $"{page}, snippet at line {snippet.Line}: {error.GetMessage()}: {error.Location.SourceTree!.GetText().Lines[
                error.Location.GetLineSpan().StartLinePosition.Line].ToString().Trim()}"));
        Assert.Empty(errors);
    }

    [Fact]
    public void AMistake_IsFound() =>
        Assert.Contains(Compile("using var loss = new TripletLoss(edge: 0.3);", nameof(SnippetContext)), error => error.Id == "CS1739");

    private static IEnumerable<(int Line, string Code)> Snippets(string[] lines)
    {
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```csharp", StringComparison.Ordinal)) continue;
            var end = Array.IndexOf(lines, "```", i);
            Assert.True(end > i, $"the snippet at line {i + 1} does not end");
            yield return (i + 1, string.Join('\n', lines[(i + 1)..end]));
            i = end;
        }
    }

    private static IEnumerable<Diagnostic> Compile(string snippet, string context)
    {
        var options = new CSharpParseOptions(LanguageVersion.CSharp14);
        var parsed = CSharpSyntaxTree.ParseText(snippet, options).GetCompilationUnitRoot();
        var statements = parsed.Members.OfType<GlobalStatementSyntax>();
        var types = parsed.Members.Where(member => member is not GlobalStatementSyntax);
        var added = parsed.Usings.Where(directive => !usings.Contains($"{directive.StaticKeyword} {directive.Name}".Trim()));
        var source = $$"""
            {{string.Concat(usings.Select(name => $"using {name};\n"))}}
            {{string.Concat(added.Select(directive => directive.ToFullString()))}}
            sealed class Snippet : MetricLearning.Vision.Tests.{{context}}
            {
                async Task Run(CancellationToken cancellationToken)
                {
                    await Task.CompletedTask;
            {{string.Concat(statements.Select(statement => statement.ToFullString()))}}
                }
            {{string.Concat(types.Select(type => type.ToFullString()))}}
            }
            """;
        return CSharpCompilation.Create("Snippet", [CSharpSyntaxTree.ParseText(source, options)], references.Value,
                new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true,
                    nullableContextOptions: NullableContextOptions.Enable))
            .GetDiagnostics().Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
    }
}
