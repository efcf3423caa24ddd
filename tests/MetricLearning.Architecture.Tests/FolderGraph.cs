using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace MetricLearning.Architecture.Tests;

/// <summary>One use of a type: a file names a type, or a member of a type, that another file declares.</summary>
internal readonly record struct TypeUse(string FromFile, string ToFile, string Type);

/// <summary>Finds which folders of a project use which other folders, by a semantic model of its sources.</summary>
internal sealed class FolderGraph
{
    private static readonly MetadataReference[] references =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(path => MetadataReference.CreateFromFile(path))];

    private readonly List<TypeUse> uses;

    private FolderGraph(List<TypeUse> uses) => this.uses = uses;

    /// <summary>The graph of source texts by their paths, with <c>/</c> between folders.</summary>
    public static FolderGraph Of(IReadOnlyDictionary<string, string> sources)
    {
        var options = new CSharpParseOptions(LanguageVersion.CSharp14);
        var trees = sources.Select(source => CSharpSyntaxTree.ParseText(source.Value, options, source.Key)).ToArray();
        var compilation = CSharpCompilation.Create("Sources", trees, references,
            new(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
        return new([.. trees.AsParallel().AsOrdered().SelectMany(tree => UsesOf(compilation, tree)).Distinct()]);
    }

    /// <summary>Whether a file uses a type of another file.</summary>
    public bool HasUses => uses.Count > 0;

    /// <summary>The cycles between sibling folders, each as the shortest ring of folders with one use for every step.</summary>
    public IEnumerable<string> Cycles()
    {
        foreach (var siblings in uses.Select(Siblings).OfType<Edge>().GroupBy(edge => edge.Parent))
        {
            var edges = siblings.GroupBy(edge => (edge.From, edge.To)).ToDictionary(group => group.Key, group => group.First().Use);
            foreach (var (from, to) in edges.Keys.Where(key => string.CompareOrdinal(key.From, key.To) < 0))
                if (Route(edges.Keys, to, from) is { } back)
                    yield return Describe(siblings.Key, [from, .. back], edges);
        }
    }

    /// <summary>The sibling folders that a folder uses directly.</summary>
    public IEnumerable<(string From, string To)> Edges(string parent = "") => uses.Select(Siblings).OfType<Edge>()
        .Where(edge => edge.Parent == parent).Select(edge => (edge.From, edge.To)).Distinct();

    private static IEnumerable<TypeUse> UsesOf(CSharpCompilation compilation, SyntaxTree tree)
    {
        var model = compilation.GetSemanticModel(tree);
        foreach (var name in tree.GetRoot().DescendantNodes().Where(node => node is SimpleNameSyntax
            or ImplicitObjectCreationExpressionSyntax))
        {
            var symbol = model.GetSymbolInfo(name).Symbol;
            var type = symbol as INamedTypeSymbol ?? symbol?.ContainingType;
            foreach (var place in type?.OriginalDefinition.DeclaringSyntaxReferences ?? [])
                if (place.SyntaxTree != tree) yield return new(tree.FilePath, place.SyntaxTree.FilePath, type!.Name);
        }
    }

    /// <summary>The two children of the deepest folder that holds both files; null if one of the files is in that folder itself.</summary>
    private static Edge? Siblings(TypeUse use)
    {
        var (from, to) = (use.FromFile.Split('/')[..^1], use.ToFile.Split('/')[..^1]);
        var shared = from.Zip(to).TakeWhile(pair => pair.First == pair.Second).Count();
        return shared == from.Length || shared == to.Length ? null : new(string.Join('/', from[..shared]), from[shared], to[shared], use);
    }

    /// <summary>The shortest way from one folder to another, both ends included.</summary>
    private static List<string>? Route(IReadOnlyCollection<(string From, string To)> edges, string start, string end)
    {
        var waiting = new Queue<List<string>>([[start]]);
        var seen = new HashSet<string> { start };
        while (waiting.TryDequeue(out var path))
        {
            if (path[^1] == end) return path;
            foreach (var (_, to) in edges.Where(edge => edge.From == path[^1]))
                if (seen.Add(to)) waiting.Enqueue([.. path, to]);
        }
        return null;
    }

    private static string Describe(string parent, IReadOnlyList<string> ring, Dictionary<(string, string), TypeUse> edges) =>
        $"{(parent.Length == 0 ? "" : parent + ": ")}{string.Join(" -> ", ring)} ("
        + string.Join("; ", ring.Zip(ring.Skip(1)).Select(step => edges[step]).Select(use => $"{use.FromFile} uses {use.Type}")) + ")";

    private sealed record Edge(string Parent, string From, string To, TypeUse Use);
}
