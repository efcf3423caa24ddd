using System.CommandLine;
using System.Globalization;

namespace EvaluateFeatures;

/// <summary>The command line.</summary>
internal static class Options
{
    private const string Cosine = "cosine", FastReId = "fastreid", Cuhk03 = "cuhk03", Expected = "expected";

    public static RootCommand Command()
    {
        var command = new RootCommand("""
            Rank-k, mAP, mINP and related figures from the features of queries and gallery: exact, with confidence intervals, by the
            field's protocols.

            One file (.npz, .safetensors, .mat) may hold both: query_feat, query_pid, query_cam, gallery_feat, gallery_pid, gallery_cam.
            The names that other projects use (query_f, query_label, query_cam; features, ids, cameras; ...) are known too. In a file
            of one set, such as a .csv file of pandas, each item is searched for among the others.
            """);
        var file = new Argument<FileInfo?>("FILE") { Description = "Features of queries and gallery, or of one set",
            Arity = ArgumentArity.ZeroOrOne };
        var query = File("--query", "Features of the queries, in a file of their own");
        var queryIdentities = File("--query-ids", "Their identities, if --query is a .npy file");
        var queryCameras = File("--query-cameras", "Their cameras, if --query is a .npy file");
        var gallery = File("--gallery", "Features of the gallery, in a file of their own");
        var galleryIdentities = File("--gallery-ids", "Its identities, if --gallery is a .npy file");
        var galleryCameras = File("--gallery-cameras", "Its cameras, if --gallery is a .npy file");
        var names = new Option<string?>("--names")
        {
            Description =
                "Names of the arrays: features,identities,cameras, where * is query (or q) and gallery (or g), such as "
                + "'*_vectors,*_person,*_view'",
            HelpName = "A,B,C",
        };
        names.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && NamesFault(text) is { } fault) result.AddError(fault);
        });
        var compare = File("--compare", "A second model's features of the same queries, compared with the first's by paired tests");
        var distance = Choice("--distance", "The distance that ranks the gallery", Cosine, "euclidean", "dot");
        var protocol = new Option<string?>("--protocol")
        {
            Description =
                "Which gallery images are ignored for a query. Default: market1501 (its identity in its camera, and junk); without "
                + "cameras none, or self for one set",
        };
        protocol.AcceptOnlyFromAmong("market1501", "veri", Cuhk03, "self", "none", "other-cameras");
        var ties = Choice("--ties", "The order of images at equal distances", "index", "optimistic", "pessimistic", Expected);
        var rerank = new Option<string?>("--rerank") { Description = "k-reciprocal re-ranking: 20,6,0.3", HelpName = "K1,K2,LAMBDA" };
        var dialect = Choice("--rerank-dialect", "The implementation that re-ranking follows", "torchreid", "zhong",
            FastReId);
        var multiQuery = new Option<string?>("--multi-query")
        {
            Description =
                "Pools the features of a query's images: those of its identity and camera in --multi-query-pictures, or among the "
                + "queries",
        };
        multiQuery.AcceptOnlyFromAmong("average", "max");
        var pictures = File("--multi-query-pictures",
            "The images to pool (mquery_f, mquery_label, mquery_cam; or features, ids, cameras)");
        var memory = new Option<int>("--memory") { Description = "MiB that the ranking may use beyond the features", HelpName = "MIB",
            DefaultValueFactory = _ => 256 };
        CheckOptions.Positive(memory);
        var pairs = new Option<bool>("--camera-pairs") { Description = "Rank-1 of each pair of cameras" };
        var verification = new Option<bool>(
            "--verification") { Description = "Also evaluates pairs: ROC, equal error rate, thresholds at target false match rates" };
        var json = new Option<FileInfo?>("--json") { Description = "Writes the figures, as shares in [0, 1] with all digits",
            HelpName = "FILE" };
        var csv = new Option<FileInfo?>("--csv") { Description = "Writes the figures of each query", HelpName = "FILE" };
        var html = new Option<FileInfo?>("--html") { Description = "Writes a report", HelpName = "FILE" };
        var images = new Option<DirectoryInfo?>("--images")
        {
            Description = "The folder of the images, whose names are in the file: the report then shows ranked lists",
            HelpName = "DIR",
        };
        images.Validators.Add(result => { if (result.Tokens is [{ Value: var path }]
            && !Directory.Exists(path)) result.AddError($"--images: there is no folder {path}."); });
        command.Add(file);
        foreach (var option in new Option[]
        {
            query, queryIdentities, queryCameras, gallery, galleryIdentities, galleryCameras, names, compare, distance, protocol, ties,
                rerank, dialect, multiQuery,
            pictures, memory, pairs, verification, json, csv, html, images,
        }) command.Add(option);

        rerank.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && RerankFault(text) is { } fault) result.AddError(fault);
        });
        command.Validators.Add(result =>
        {
            var one = CheckOptions.IsGiven(result, file);
            var two = (CheckOptions.IsGiven(result, query), CheckOptions.IsGiven(result, gallery));
            if (two != (!one, !one)) result.AddError(
                "Give one FILE, or --query and --gallery.");
            if (!one && CheckOptions.IsGiven(result, compare)) result.AddError(
                "--compare needs one FILE with queries and gallery, and another like it.");
        });
        CheckOptions.Needs(command, pictures, multiQuery);
        CheckOptions.Needs(command, dialect, rerank);
        CheckOptions.Needs(command, images, html);
        foreach (var (part, set) in new[]
        {
            (queryIdentities, query), (queryCameras, query), (galleryIdentities, gallery), (galleryCameras, gallery),
        }) CheckOptions.Needs(command, part, set);
        command.Validators.Add(result =>
        {
            if (CheckOptions.ValueOf(result, protocol) == Cuhk03 && CheckOptions.ValueOf(result, ties) == Expected)
                result.AddError($"--ties {Expected} is not defined for --protocol {Cuhk03}, whose gallery is drawn: take another order.");
        });
        CheckOptions.Useless(command, pictures, result => CheckOptions.IsGiven(result, compare),
            "--multi-query-pictures are features of one model, so they cannot be the queries of two: leave out --compare.");
        command.SetAction((result, cancellationToken) => Task.FromResult(Evaluation.Execute(new EvaluationSettings
        {
            File = result.GetValue(file)?.FullName,
            Query = Set(result, query, queryIdentities, queryCameras),
            Gallery = Set(result, gallery, galleryIdentities, galleryCameras),
            MultiQuery = result.GetValue(multiQuery) switch { "average" => MultiQueryPooling.Average, "max" => MultiQueryPooling.Max,
                _ => null },
            MultiQueryPictures = result.GetValue(pictures)?.FullName,
            Names = result.GetValue(names) is { } given ? NamesOf(given) : null,
            Compare = result.GetValue(compare)?.FullName,
            Distance = DistanceOf(result.GetRequiredValue(distance)),
            Protocol = result.GetValue(protocol) switch
            {
                "market1501" => RetrievalProtocol.Market1501,
                "veri" => RetrievalProtocol.VeRi,
                Cuhk03 => RetrievalProtocol.Cuhk03,
                "self" => RetrievalProtocol.SelfRetrieval,
                "none" => RetrievalProtocol.NoFilter,
                "other-cameras" => RetrievalProtocol.NoFilter with { Name = "other cameras", Cameras = CameraFilter.All },
                _ => null,
            },
            Ties = result.GetRequiredValue(ties) switch
            {
                "optimistic" => TiePolicy.Optimistic, "pessimistic" => TiePolicy.Pessimistic, Expected => TiePolicy.Expected, _ =>
                    TiePolicy.ByIndex,
            },
            Reranking = result.GetValue(rerank) is { } k ? RerankerOf(k, result.GetRequiredValue(dialect),
                result.GetRequiredValue(distance)) : null,
            Normalizes = result.GetRequiredValue(dialect) == FastReId && result.GetRequiredValue(distance) == Cosine,
            MemoryBudget = (long)result.GetValue(memory) << 20,
            CameraPairs = result.GetValue(pairs),
            Verification = result.GetValue(verification),
            Json = result.GetValue(json),
            Csv = result.GetValue(csv),
            Html = result.GetValue(html),
            Images = result.GetValue(images),
        }, cancellationToken)));
        return command;

        static Option<FileInfo?> File(string name, string description) => new(name) { Description = description, HelpName = "FILE" };

        static SetFiles? Set(ParseResult result, Option<FileInfo?> features, Option<FileInfo?> ids, Option<FileInfo?> cameras) =>
            result.GetValue(features) is { } path ? new SetFiles(path.FullName, result.GetValue(ids)?.FullName,
                result.GetValue(cameras)?.FullName) : null;
    }

    private static FeatureNames NamesOf(string text) => text.Split(',', StringSplitOptions.TrimEntries) switch
    {
        [var features, var identities] => new(features, identities),
        [var features, var identities, var cameras] => new(features, identities, cameras),
        _ => throw new ArgumentException("it takes two or three names: features,identities,cameras."),
    };

    /// <summary>Says what is wrong with the names of arrays; null if they are valid.</summary>
    private static string? NamesFault(string text) => FaultOf("--names", () => NamesOf(text));

    private static string? FaultOf(string option, Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (ArgumentException e)
        {
            return $"{option}: {App.MessageOf(e)}";
        }
    }

    private static Option<string> Choice(string name, string description, params string[] values)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => values[0] };
        option.AcceptOnlyFromAmong(values);
        return option;
    }

    private static Distance DistanceOf(string name) => name switch
    {
        "euclidean" => Distance.Euclidean, "dot" => Distance.Dot, _ => Distance.Cosine,
    };

    /// <summary>The distance for re-ranking: torchreid's engine re-ranks squared Euclidean or cosine distances.</summary>
    private static KReciprocalReranker RerankerOf(string numbers, string dialect, string distance) =>
        distance == "dot" ? throw new UserErrorException("--rerank takes --distance euclidean or cosine.")
        : RerankerOf(numbers) with
        {
            Dialect = dialect switch
            {
                "zhong" => KReciprocalDialect.Zhong, FastReId => KReciprocalDialect.FastReId, _ => KReciprocalDialect.TorchReId,
            },
            Distance = distance == Cosine ? Distance.Cosine : Distance.EuclideanSquared,
        };

    private static KReciprocalReranker RerankerOf(string numbers) =>
        numbers.Split(',') is [var k1, var k2, var lambda]
            && int.TryParse(k1, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var first)
            && int.TryParse(k2, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var second)
            && double.TryParse(lambda, NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
            ? new KReciprocalReranker(first, second, share)
            : throw new ArgumentException("it takes k1,k2,lambda, such as 20,6,0.3.");

    /// <summary>Says what is wrong with the numbers of re-ranking; null if they are valid.</summary>
    private static string? RerankFault(string text) => FaultOf("--rerank", () => RerankerOf(text));
}
