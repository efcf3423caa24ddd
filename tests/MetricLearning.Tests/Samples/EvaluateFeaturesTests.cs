using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using MetricLearning.Testing;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Runs the sample EvaluateFeatures as a user does: with arguments, files and an exit code.</summary>
[LeavesNoTensors]
public sealed class EvaluateFeaturesTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("evaluate").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("market1501-a", "euclidean", null, "euclidean", 1e-6)]
    [InlineData("market1501-a", "cosine", null, "cosine", 1e-6)]
    [InlineData("market1501-a", "euclidean", "20,6,0.3", "euclidean_rerank_k1_20_k2_6_lambda_0.3", 1e-4)]
    [InlineData("cuhk03-np-train-dev", "euclidean", null, "euclidean", 1e-6)]
    [InlineData("cuhk03-np-train-dev", "cosine", null, "cosine", 1e-6)]
    [InlineData("cuhk03-np-train-dev", "euclidean", "20,6,0.3", "euclidean_rerank_k1_20_k2_6_lambda_0.3", 1e-4)]
    public void StoredFeatures_GiveThePublishedFigures(string data, string distance, string? rerank, string expectedName, double tolerance)
    {
        var file = SharedData.Require("data", "golden", $"{data}_osnet_x0_25_msmt17.npz");
        using var metrics = JsonDocument.Parse(File.ReadAllText(SharedData.Require("data", "golden", "metrics.json")));
        var expected = metrics.RootElement.GetProperty(data).GetProperty("checkpoints").GetProperty("osnet_x0_25_msmt17")
            .GetProperty(expectedName);
        var json = InFolder("figures.json");

        var (code, output, error) = Run([file, "--distance", distance, "--json", json, .. rerank is null ? []
            : new[] { "--rerank", rerank }]);

        Assert.True(code == 0, error);
        Assert.Contains("mAP (mean precision)", output, StringComparison.Ordinal);
        using var figures = JsonDocument.Parse(File.ReadAllText(json));
        foreach (var name in new[] { "mAP", "mINP", "rank1", "rank5", "rank10" })
            Assert.Equal(expected.GetProperty(name).GetDouble(), figures.RootElement.GetProperty(name).GetDouble(), tolerance);
        Assert.Equal(expected.GetProperty("valid_queries").GetInt32(), figures.RootElement.GetProperty("validQueries").GetInt32());
        Assert.InRange(figures.RootElement.GetProperty("mAP_trapezoid").GetDouble(), 0, expected.GetProperty("mAP").GetDouble());
    }

    [Fact]
    public void EveryFormat_GivesTheSameFigures()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        NumPyArchive.Write(InFolder("both.npz"), arrays);
        SafeTensors.Write(InFolder("both.safetensors"), arrays);
        foreach (var (name, array) in arrays) NumPyFile.Write(InFolder($"{name}.npy"), array);
        foreach (var role in new[] { "query", "gallery" })
            SafeTensors.Write(InFolder($"{role}.safetensors"), new Dictionary<string, Tensor>
            {
                ["features"] = arrays[$"{role}_feat"], ["ids"] = arrays[$"{role}_pid"], ["cameras"] = arrays[$"{role}_cam"],
            });
        NumPyArchive.Write(InFolder("own.npz"), arrays.ToDictionary(a => a.Key.Split('_') is [var role, var what] ? $"the_{what}_of_{role}"
            : "", a => a.Value));
        string[][] calls =
        [
            [InFolder("both.npz")],
            [InFolder("both.safetensors")],
            [InFolder("own.npz"), "--names", "the_feat_of_*,the_pid_of_*,the_cam_of_*"],
            ["--query", InFolder("query.safetensors"), "--gallery", InFolder("gallery.safetensors")],
            [
                "--query", InFolder("query_feat.npy"), "--query-ids", InFolder("query_pid.npy"), "--query-cameras",
                    InFolder("query_cam.npy"),
                "--gallery", InFolder("gallery_feat.npy"), "--gallery-ids", InFolder("gallery_pid.npy"), "--gallery-cameras",
                    InFolder("gallery_cam.npy"),
            ],
        ];
        var figures = calls.Select(call =>
        {
            var (code, _, error) = Run([.. call, "--json", InFolder("figures.json")]);
            Assert.True(code == 0, error);
            using var json = JsonDocument.Parse(File.ReadAllText(InFolder("figures.json")));
            return json.RootElement.GetProperty("mAP").GetDouble();
        }).ToArray();
        Assert.Single(figures.Distinct());
        using var query = Set(arrays, "query");
        using var gallery = Set(arrays, "gallery");
        Assert.Equal(new RetrievalEvaluator().Evaluate(query, gallery).MeanAveragePrecision, figures[0]);
    }

    [Fact]
    public void MatlabResult_OfTheField_IsKnownByItsNames()
    {
        File.WriteAllBytes(InFolder("pytorch_result.mat"), PublishedArrays.MatlabCompressed);
        var (code, _, error) = Run([InFolder("pytorch_result.mat")]);
        Assert.Equal(1, code);
        Assert.Contains("pytorch_result.mat has features of gallery, and queries and gallery are needed.", error, StringComparison.Ordinal);
    }

    /// <summary>A few pairs do not bound the interval of a threshold, and pairs of one kind have no rates.</summary>
    [Theory]
    [InlineData(2, "up to ", "AUC ")]
    [InlineData(1, "without pairs of both kinds there are no rates.", "<h2>Verification</h2>")]
    public void Report_OfFewPairs_HasNoInfinity(int identities, params string[] expected)
    {
        using var scope = NewDisposeScope();
        var (people, cameras) = (arange(6).remainder(S(identities)), arange(6).remainder(S(4)));
        var features = randn(6, 3, generator: new Generator(1));
        NumPyArchive.Write(InFolder("few.npz"), new Dictionary<string, Tensor>
        {
            ["query_feat"] = features, ["query_pid"] = people, ["query_cam"] = cameras, ["gallery_feat"] = features.flip(0),
            ["gallery_pid"] = people.flip(0), ["gallery_cam"] = cameras.flip(0),
        });
        var (code, output, error) = Run([InFolder("few.npz"), "--protocol", "none", "--verification", "--html", InFolder("few.html")]);
        Assert.True(code == 0, error);
        var page = File.ReadAllText(InFolder("few.html"));
        foreach (var text in new[] { page, output })
        {
            Assert.DoesNotContain("Infinity", text, StringComparison.Ordinal);
            Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        }
        foreach (var text in expected) Assert.Contains(text, page, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_WritesTableReportAndTests()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        NumPyArchive.Write(InFolder("first.npz"), arrays);
        arrays["query_feat"] = arrays["query_feat"] + 0.2 * randn(arrays["query_feat"].shape, generator: new Generator(3));
        NumPyArchive.Write(InFolder("second.npz"), arrays);
        var (code, output, error) = Run(
        [
            InFolder("first.npz"), "--compare", InFolder("second.npz"), "--json", InFolder("c.json"), "--csv", InFolder("c.csv"), "--html",
                InFolder("c.html"),
            "--camera-pairs", "--verification",
        ]);
        Assert.True(code == 0, error);
        Assert.Contains("p (Wilcoxon)", output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(InFolder("c.json")));
        var difference = json.RootElement.GetProperty("differenceOfMAP").GetProperty("difference").GetProperty("estimate").GetDouble();
        Assert.Equal(json.RootElement.GetProperty("other").GetProperty("mAP").GetDouble() - json.RootElement.GetProperty("mAP").GetDouble(),
            difference, 1e-12);
        Assert.Equal(1 + arrays["query_pid"].size(0), File.ReadAllLines(InFolder("c.csv")).Length);
        var page = File.ReadAllText(InFolder("c.html"));
        Assert.Contains("<h2>How sure</h2>", page, StringComparison.Ordinal);
        foreach (var name in new[] { "first", "second" })
        {
            foreach (var table in new[] { "Figures over valid and over all queries", "Pairs of cameras", "Verification" })
                Assert.Contains($"<h2>{table}: {name}</h2>", page, StringComparison.Ordinal);
            Assert.Contains($"{name}:\nrank-1 in %, query camera down", output, StringComparison.Ordinal);
        }
        var areas = new[] { json.RootElement, json.RootElement.GetProperty("other") }
            .Select(model => model.GetProperty("verification").GetProperty("areaUnderCurve").GetDouble());
        Assert.Equal(2, areas.Distinct().Count());

        Assert.DoesNotContain("<th>", page, StringComparison.Ordinal);           // each says of what it is the header
        Assert.DoesNotContain("class=scroll>", page, StringComparison.Ordinal);  // each can be scrolled by keys
        Assert.Contains("aria-label=\"CMC curve. first: from ", page, StringComparison.Ordinal);

        NumPyArchive.Write(InFolder("moved.npz"), new Dictionary<string, Tensor>(arrays)
        {
            ["gallery_feat"] = arrays["gallery_feat"].flip(0), ["gallery_pid"] = arrays["gallery_pid"].flip(0),
            ["gallery_cam"] = arrays["gallery_cam"].flip(0),
        });
        Assert.Equal(0, Run(InFolder("first.npz"), "--compare", InFolder("moved.npz")).Code);
        NumPyArchive.Write(InFolder("fewer.npz"), new Dictionary<string, Tensor>(arrays)
        {
            ["gallery_feat"] = arrays["gallery_feat"][..50], ["gallery_pid"] = arrays["gallery_pid"][..50],
            ["gallery_cam"] = arrays["gallery_cam"][..50],
        });
        (code, _, error) = Run(InFolder("first.npz"), "--compare", InFolder("fewer.npz"));
        Assert.Equal(1, code);
        Assert.Contains("Two runs are compared on one gallery, but the 60 gallery images of first and the 50 of fewer differ", error,
            StringComparison.Ordinal);

        NumPyArchive.Write(InFolder("one.npz"), new Dictionary<string, Tensor>
        {
            ["features"] = arrays["query_feat"], ["ids"] = arrays["query_pid"], ["cameras"] = arrays["query_cam"],
        });
        (code, _, error) = Run(InFolder("one.npz"), "--compare", InFolder("first.npz"));
        Assert.Equal(1, code);
        Assert.Contains("under one protocol, but one has one set, and first has queries and a gallery.", error, StringComparison.Ordinal);

        arrays["query_pid"] = arrays["query_pid"] + 1;
        NumPyArchive.Write(InFolder("second.npz"), arrays);
        (code, _, error) = Run([InFolder("first.npz"), "--compare", InFolder("second.npz")]);
        Assert.Equal(1, code);
        Assert.Contains("query by query, but query 0 is identity 0, camera 1 in first, and identity 1, camera 1 in second.", error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AGalleryThatIsTheQueries_IsNoted_UnlessEachQueryIsLeftOut()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        foreach (var column in new[] { "feat", "pid", "cam" }) arrays[$"gallery_{column}"] = arrays[$"query_{column}"];
        NumPyArchive.Write(InFolder("same.npz"), arrays);
        Assert.Contains("each query finds itself", Run(InFolder("same.npz"), "--protocol", "none").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("finds itself", Run(InFolder("same.npz"), "--protocol", "self").Output, StringComparison.Ordinal);
        NumPyArchive.Write(InFolder("other.npz"), Arrays());
        Assert.DoesNotContain("finds itself", Run(InFolder("other.npz"), "--protocol", "none").Output, StringComparison.Ordinal);
    }

    /// <summary>Where CMC draws one image of each identity, rank-1 does not count the rank of the first match in the whole list.</summary>
    [Fact]
    public void Rank1OfTheTable_IsThatOfTheProtocol()
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(InFolder("first.npz"), Arrays());
        var (code, _, error) = Run(InFolder("first.npz"), "--protocol", "cuhk03", "--compare", InFolder("first.npz"), "--json",
            InFolder("c.json"), "--csv", InFolder("c.csv"));
        Assert.True(code == 0, error);
        var rows = File.ReadAllLines(InFolder("c.csv")).Select(line => line.Split(',')).ToArray();
        using var json = JsonDocument.Parse(File.ReadAllText(InFolder("c.json")));
        foreach (var name in new[] { "rank1", "otherRank1" })
            Assert.Equal(json.RootElement.GetProperty("rank1").GetDouble(), rows[1..].Select(row => row[rows[0].IndexOf(name)])
                .Where(cell => cell.Length > 0).Average(cell => double.Parse(cell, CultureInfo.InvariantCulture)), 1e-12);
        var first = rows[0].IndexOf("firstMatch");
        Assert.Contains(rows[1..], row => (row[first] == "1") != (row[rows[0].IndexOf("rank1")] == "1"));
    }

    [Fact]
    public void AFeatureThatIsNotFinite_IsRefusedByItsFile()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        NumPyArchive.Write(InFolder("first.npz"), arrays);
        arrays["gallery_feat"] = arrays["gallery_feat"].clone();
        arrays["gallery_feat"][3, 1] = float.NaN;
        NumPyArchive.Write(InFolder("second.npz"), arrays);
        var (code, _, error) = Run(InFolder("first.npz"), "--compare", InFolder("second.npz"));
        Assert.Equal(1, code);
        Assert.Contains($"{InFolder("second.npz")}: gallery features must be finite, got NaN in row 3, column 1", error,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--multi-query-pictures are features of one model", "--multi-query", "max", "--multi-query-pictures", "x.npz", "--compare",
        "y.npz")]
    [InlineData("--multi-query-pictures needs --multi-query.", "--multi-query-pictures", "x.npz")]
    [InlineData("--rerank-dialect needs --rerank.", "--rerank-dialect", "zhong")]
    [InlineData("--images needs --html.", "--images", ".")]
    [InlineData("--ties expected is not defined for --protocol cuhk03", "--ties", "expected", "--protocol", "cuhk03")]
    [InlineData("--query-ids needs --query.", "--query-ids", "x.npy")]
    [InlineData("--gallery-cameras needs --gallery.", "--gallery-cameras", "x.npy")]
    [InlineData("--memory must be at least 1.", "--memory", "0")]
    [InlineData("--memory must be at least 1.", "--memory", "-5")]
    [InlineData("--memory takes a whole number, got NaN.", "--memory", "NaN")]
    [InlineData("--rerank: Lambda must be in [0, 1]. Actual value was NaN.", "--rerank", "20,6,NaN")]
    [InlineData("--rerank: Lambda must be in [0, 1]. Actual value was 1.5.", "--rerank", "20,6,1.5")]
    [InlineData("--rerank: K1 must be at least 1. Actual value was 0.", "--rerank", "0,6,0.3")]
    [InlineData("--rerank: K2 must be at least 1. Actual value was -6.", "--rerank", "20,-6,0.3")]
    public void AnOptionThatHasNoEffect_OrAWrongNumber_IsRefused(string message, params string[] options)
    {
        var (code, _, error) = Run(["both.npz", .. options]);
        Assert.Equal(2, code);
        Assert.Contains($"error: {message}", error, StringComparison.Ordinal);
    }

    /// <summary>The report shows images of the folder only. If several have the name, the path decides.</summary>
    [Fact]
    public void Images_AreThoseOfTheFolder()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        foreach (var (name, gray) in new[] { ("here/a", "0"), ("here/b", "255"), ("elsewhere", "128") })
        {
            Directory.CreateDirectory(InFolder(name));
            File.WriteAllText(InFolder($"{name}/1.pgm"), $"P2 1 1 255 {gray}");
        }
        var pages = new[] { "a/1.pgm", "b/1.pgm", InFolder("elsewhere/b/1.pgm") }.Select(Page).ToArray();
        Assert.NotEqual(pages[0], pages[1]);
        Assert.Equal(pages[1], pages[2]);
        Assert.Contains("--images: 1.pgm may be ", Fault("1.pgm"), StringComparison.Ordinal);
        File.Delete(InFolder("here/a/1.pgm"));
        Assert.Equal(pages[1], Page(InFolder("elsewhere/1.pgm")));
        File.WriteAllText(InFolder("elsewhere/secret"), "secret");
        Assert.Contains("--images: there is no ", Fault(InFolder("elsewhere/secret")), StringComparison.Ordinal);
        Assert.Contains("--images: there is no ", Fault("../elsewhere/secret"), StringComparison.Ordinal);
        File.WriteAllText(InFolder("here/secret"), "secret");
        Assert.Contains($"{InFolder("here/secret")}: ", Fault("secret"), StringComparison.Ordinal);

        string Page(string name)
        {
            var (code, _, error) = With(name);
            Assert.True(code == 0, error);
            var page = File.ReadAllText(InFolder("page.html"));
            var start = page.IndexOf("data:image/png;base64,", StringComparison.Ordinal);
            return page[start..page.IndexOf('"', start)];
        }

        string Fault(string name)
        {
            var (code, _, error) = With(name);
            Assert.Equal(1, code);
            return error;
        }

        (int Code, string Output, string Error) With(string name)
        {
            foreach (var (role, rows) in new[] { ("query", 20), ("gallery", 60) })
            {
                NumPyFile.Write(InFolder($"{role}.npy"), arrays[$"{role}_feat"]);
                File.WriteAllLines(InFolder($"{role}.csv"), Enumerable.Range(0, rows).Select(row =>
                    $"{name},{arrays[$"{role}_pid"][row].item<long>()},{arrays[$"{role}_cam"][row].item<long>()}").Prepend("file,pid,cam"));
            }
            return Run("--query", InFolder("query.npy"), "--gallery", InFolder("gallery.npy"), "--images", InFolder("here"), "--html",
                InFolder("page.html"));
        }
    }

    [Fact]
    public void BadFiles_AreExplainedInOneLine()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        Refuses(1, "There is no file", InFolder("none.npz"));
        File.WriteAllText(InFolder("text.npz"), "no archive");
        Refuses(1, "text.npz: ", InFolder("text.npz"));
        File.WriteAllText(InFolder("empty.npz"), "");
        Refuses(1, "empty.npz: Not a NumPy archive that can be read: it is empty.", InFolder("empty.npz"));
        File.WriteAllText(InFolder("x.parquet"), "1,2");
        Refuses(1, "features are read from .npz, .npy, .safetensors, .mat and .csv files", InFolder("x.parquet"));
        Refuses(1, $"{folder} is a folder, but a file of features was expected.", folder);
        Write("short", "query_pid", arrays["query_pid"][..3]);
        Refuses(1, "features of query and 3 identities", InFolder("short.npz"));
        Write("half", "query_pid", arrays["query_pid"] + 0.5);
        Refuses(1, "'query_pid' holds numbers that are not whole", InFolder("half.npz"));
        Write("list", "query_feat", arrays["query_pid"]);
        Refuses(1, "features must be numbers [images, length], got Int64 [20]", InFolder("list.npz"));
        NumPyFile.Write(InFolder("alone.npy"), arrays["query_feat"]);
        Refuses(1, "alone.npy: a .npy file has no identities: give them in a .csv file next to it", InFolder("alone.npy"));
        Write("nan", "query_feat", arrays["query_feat"] / 0);
        Refuses(1, "features must be finite, got", InFolder("nan.npz"));
        Write("one-camera", "query_cam", zeros_like(arrays["query_cam"]), ("gallery_cam", zeros_like(arrays["gallery_cam"])));
        Refuses(1, "All 20 queries have no match left: all images of their identity are from the query's own camera.",
            InFolder("one-camera.npz"));
        Refuses(1, "If cameras do not matter: --protocol none.", InFolder("one-camera.npz"));
        Write("strangers", "query_pid", arrays["query_pid"] + 1000);
        Refuses(1, "No identity is both a query and in the gallery.", InFolder("strangers.npz"));
        Write("two-sets", "qf", arrays["query_feat"], ("gf", arrays["gallery_feat"]), ("q_pids", arrays["query_pid"]),
            ("q_camids", arrays["query_cam"]), ("query_feat", null), ("gallery_feat", null));
        Refuses(1, "--names has no *, so it names one set, and the file has other arrays that may be features: gf. Write * for query",
            InFolder("two-sets.npz"), "--names", "qf,q_pids,q_camids");
        Write("no-cameras", "query_cam", null, ("gallery_cam", null));
        Refuses(1, "The protocol Market-1501 compares cameras, but queries and gallery have none. Give them, or take --protocol none.",
            InFolder("no-cameras.npz"), "--protocol", "market1501");
        Refuses(1, "--camera-pairs needs cameras, but queries and gallery have none.", InFolder("no-cameras.npz"), "--camera-pairs");
        Write("no-query-cameras", "query_cam", null);
        Refuses(1, "compares cameras, but the queries have none.", InFolder("no-query-cameras.npz"));
        Write("no-gallery-cameras", "gallery_cam", null);
        Refuses(1, "compares cameras, but the gallery has none.", InFolder("no-gallery-cameras.npz"));
        Write("other-people", "query_pid", arrays["query_pid"] + 1, ("query_cam", null), ("gallery_cam", null));
        Refuses(1, "query 0 is identity 0, no camera in no-cameras, and identity 1, no camera in other-people.",
            InFolder("no-cameras.npz"), "--compare", InFolder("other-people.npz"));
        Refuses(2, "Give one FILE, or --query and --gallery.");
        Refuses(2, "--names: it takes two or three names: features,identities,cameras.", InFolder("half.npz"), "--names", "a");
        Refuses(2, "--names: Identities must have a * exactly if Features has one, got b with a*.",
            InFolder("half.npz"), "--names", "a*,b");
        Refuses(2, "--memory takes a whole number, got abc.", InFolder("half.npz"), "--memory", "abc");
        Refuses(2, "--distance: there is no cosin. It takes ", InFolder("half.npz"), "--distance", "cosin");
        Refuses(2, "There is no option --distanc. Did you mean --distance?", InFolder("half.npz"), "--distanc", "cosine");
        Refuses(2, "--rerank: it takes k1,k2,lambda, such as 20,6,0.3.", InFolder("nan.npz"), "--rerank", "3,x");

        void Write(string name, string changed, Tensor? array, params (string Name, Tensor? Array)[] more)
        {
            var copy = new Dictionary<string, Tensor>(arrays);
            foreach (var (key, value) in more.Prepend((changed, array)))
                if (value is null) copy.Remove(key);
                else copy[key] = value;
            NumPyArchive.Write(InFolder($"{name}.npz"), copy);
        }

        void Refuses(int expected, string message, params string[] arguments)
        {
            var (code, _, error) = Run(arguments);
            Assert.Equal(expected, code);
            Assert.Contains(message, error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
    }

    /// <summary>The tables of intervals and tests show the figures that the reports print, for every protocol and order of ties.</summary>
    [Theory]
    [InlineData("market1501")]
    [InlineData("veri")]
    [InlineData("cuhk03")]
    [InlineData("self")]
    [InlineData("none")]
    [InlineData("other-cameras")]
    public void TheIntervals_AreThoseOfThePrintedFigures(string protocol)
    {
        using var scope = NewDisposeScope();
        var arrays = WithTies(Arrays());
        if (protocol == "self") arrays = OneSet(arrays);
        NumPyArchive.Write(InFolder("first.npz"), arrays);
        foreach (var name in arrays.Keys.Where(name => name.Contains("feat", StringComparison.Ordinal)).ToList())
            arrays[name] = arrays[name].index_fill(1, arange(3), 1);
        NumPyArchive.Write(InFolder("second.npz"), arrays);

        HashSet<double> seen = [];
        foreach (var ties in new[] { "index", "optimistic", "pessimistic", "expected" })
        {
            var (code, output, error) = Run(InFolder("first.npz"), "--compare", InFolder("second.npz"), "--protocol", protocol, "--ties",
                ties, "--json", InFolder("figures.json"));
            if (protocol == "cuhk03" && ties == "expected")
            {
                Assert.Equal(2, code);
                Assert.StartsWith("error: ", error, StringComparison.Ordinal);
                Assert.DoesNotContain("Exception", error, StringComparison.Ordinal);
                continue;
            }
            Assert.True(code == 0, error);
            using var json = JsonDocument.Parse(File.ReadAllText(InFolder("figures.json")));
            var models = new[] { json.RootElement, json.RootElement.GetProperty("other") };
            foreach (var (name, row) in new[] { ("rank1", "rank-1"), ("mAP", "mAP"), ("mINP", "mINP") })
            {
                var estimates = Regex.Match(output, $@"^\W*{row}\W+([\d.]+) \[[^\]]*\]\W+([\d.]+) \[", RegexOptions.Multiline).Groups;
                for (var i = 0; i < models.Length; i++)
                {
                    var figure = models[i].GetProperty(name).GetDouble();
                    seen.Add(figure);
                    Assert.Equal(100 * figure, double.Parse(estimates[i + 1].Value, CultureInfo.InvariantCulture), 0.0501);
                    if (models[i].GetProperty("intervals").TryGetProperty(name, out var interval))
                        Assert.Equal(figure, interval.GetProperty("estimate").GetDouble(), 1e-12);
                }
            }
        }
        Assert.True(seen.Count > 12, "The data have no ties that matter.");
    }

    /// <summary>Re-ranking after fast-reid gives fast-reid's figures: for the cosine it scales the features to length 1 first.</summary>
    [Theory]
    [InlineData("cosine")]
    [InlineData("euclidean")]
    public void FastReIdsReranking_NormalizesFirst_IfTheDistanceIsTheCosine(string distance)
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        var generator = new Generator(7);
        foreach (var role in new[] { "query", "gallery" })
            arrays[$"{role}_feat"] = arrays[$"{role}_feat"] * (0.5 + 2 * rand([arrays[$"{role}_feat"].size(0), 1], generator: generator));
        NumPyArchive.Write(InFolder("lengths.npz"), arrays);
        var (code, _, error) = Run(InFolder("lengths.npz"), "--distance", distance, "--rerank", "5,3,0.3", "--rerank-dialect", "fastreid",
            "--json", InFolder("figures.json"));
        Assert.True(code == 0, error);

        var raw = Expected();
        foreach (var role in new[] { "query", "gallery" }) arrays[$"{role}_feat"] = Similarity.Normalize(arrays[$"{role}_feat"]);
        var normalized = Expected();
        Assert.NotEqual(raw, normalized);
        using var json = JsonDocument.Parse(File.ReadAllText(InFolder("figures.json")));
        Assert.Equal(distance == "cosine" ? normalized : raw, json.RootElement.GetProperty("mAP").GetDouble(), 1e-12);

        double Expected()
        {
            using var query = Set(arrays, "query");
            using var gallery = Set(arrays, "gallery");
            return new RetrievalEvaluator
            {
                Reranking = new KReciprocalReranker(5, 3)
                {
                    Dialect = KReciprocalDialect.FastReId,
                    Distance = distance == "cosine" ? Distance.Cosine : Distance.EuclideanSquared,
                },
            }.Evaluate(query, gallery).MeanAveragePrecision;
        }
    }

    /// <summary>The default protocol is the library's, with and without cameras, for two sets and for one.</summary>
    [Theory]
    [InlineData(true, true, "Market-1501 (same identity and camera removed; junk identity -1 removed)")]
    [InlineData(true, false, "no filter (nothing removed)")]
    [InlineData(false, true, "Market-1501 (same identity and camera removed; self removed by index; junk identity -1 removed)")]
    [InlineData(false, false, "self-retrieval (self removed by index)")]
    public void TheDefaultProtocol_IsThatOfTheLibrary(bool twoSets, bool cameras, string protocol)
    {
        using var scope = NewDisposeScope();
        var arrays = twoSets ? Arrays() : OneSet(Arrays());
        if (!cameras)
            foreach (var name in arrays.Keys.Where(name => name.EndsWith("cam", StringComparison.Ordinal)
                || name == "cameras").ToList()) arrays.Remove(name);
        NumPyArchive.Write(InFolder("features.npz"), arrays);
        var (code, _, error) = Run(InFolder("features.npz"), "--verification", "--json", InFolder("figures.json"));
        Assert.True(code == 0, error);
        using var json = JsonDocument.Parse(File.ReadAllText(InFolder("figures.json")));
        Assert.Equal(protocol, json.RootElement.GetProperty("protocol").GetString());

        using var query = twoSets ? Set(arrays, "query") : Of("features", "ids", "cameras");
        using var gallery = twoSets ? Set(arrays, "gallery") : null;
        var report = gallery is null ? new RetrievalEvaluator().Evaluate(query) : new RetrievalEvaluator().Evaluate(query, gallery);
        Assert.Equal(protocol, report.Protocol.ToString());
        Assert.Equal(report.MeanAveragePrecision, json.RootElement.GetProperty("mAP").GetDouble());

        EmbeddingSet Of(string features, string ids, string cameraNames) => new(arrays[features].alias(),
            arrays[ids].data<long>().ToArray(), cameras ? arrays[cameraNames].data<long>().ToArray() : null);
    }
    /// <summary>Names that are not text, and features of different types in query and gallery, do not stop an evaluation.</summary>
    [Fact]
    public void FiguresAreComputed_EvenIfNamesAndTypesDiffer()
    {
        using var scope = NewDisposeScope();
        var arrays = Arrays();
        arrays["query_files"] = ones(20);
        arrays["gallery_feat"] = arrays["gallery_feat"].to(ScalarType.Float64);
        NumPyArchive.Write(InFolder("mixed.npz"), arrays);
        var (code, output, error) = Run(InFolder("mixed.npz"));
        Assert.True(code == 0, error);
        Assert.Contains("note: 'query_files' holds no text, so the images have no names.", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--json")]
    [InlineData("--csv")]
    [InlineData("--html")]
    public void Outputs_AreCheckedBeforeTheWork(string option)
    {
        using var scope = NewDisposeScope();
        NumPyArchive.Write(InFolder("both.npz"), Arrays());
        File.WriteAllText(InFolder("file"), "");
        foreach (var (path, message) in new[]
        {
            (folder, $"{folder} is a folder; name a file to write."),
            (InFolder("file/x/out"), $"cannot be written: {InFolder("file")} is a file, not a folder."),
        })
        {
            var (code, output, error) = Run(InFolder("both.npz"), option, path);
            Assert.Equal(1, code);
            Assert.Contains(message, error, StringComparison.Ordinal);
            Assert.Equal("", output);
        }
        var (whole, _, fault) = Run(InFolder("both.npz"), option, InFolder("new/folder/out"));
        Assert.True(whole == 0, fault);
        Assert.True(File.Exists(InFolder("new/folder/out")));
        // Features, or another result, are never overwritten.
        var before = File.ReadAllBytes(InFolder("both.npz"));
        var (code1, _, read) = Run(InFolder("both.npz"), option, InFolder("new/../both.npz"));
        Assert.Equal(1, code1);
        Assert.Contains($"{option} {InFolder("both.npz")} would overwrite a file that is read; name another file.", read,
            StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(InFolder("both.npz")));
        var other = option == "--json" ? "--csv" : "--json";
        var (code2, _, twice) = Run(InFolder("both.npz"), option, InFolder("x"), other, InFolder("x"));
        Assert.Equal(1, code2);
        Assert.Contains($"{InFolder("x")} would overwrite the file of --", twice, StringComparison.Ordinal);
        Assert.False(File.Exists(InFolder("x")));
    }

    private static Dictionary<string, Tensor> Arrays()
    {
        var generator = new Generator(5);
        var (queryIdentities, galleryIdentities) = (arange(20).remainder(10), arange(60).remainder(12));
        var centers = randn([12, 8], generator: generator);
        return new()
        {
            ["query_feat"] = centers[queryIdentities] + 0.8 * randn([20, 8], generator: generator),
            ["query_pid"] = queryIdentities,
            ["query_cam"] = arange(20).remainder(3) + 1,
            ["gallery_feat"] = centers[galleryIdentities] + 0.8 * randn([60, 8], generator: generator),
            ["gallery_pid"] = galleryIdentities,
            ["gallery_cam"] = arange(60).floor_divide(20) + 1,
        };
    }

    /// <summary>The arrays with so few different features that many distances are equal.</summary>
    private static Dictionary<string, Tensor> WithTies(Dictionary<string, Tensor> arrays) => arrays.ToDictionary(a => a.Key,
        a => a.Key.EndsWith("feat", StringComparison.Ordinal) ? where(a.Value > 0, ones_like(a.Value), -ones_like(a.Value)) : a.Value);

    /// <summary>The gallery as a file of one set.</summary>
    private static Dictionary<string, Tensor> OneSet(Dictionary<string, Tensor> arrays) => new()
    {
        ["features"] = arrays["gallery_feat"], ["ids"] = arrays["gallery_pid"], ["cameras"] = arrays["gallery_cam"],
    };

    private static EmbeddingSet Set(Dictionary<string, Tensor> arrays, string role) => new(arrays[$"{role}_feat"].alias(),
        arrays[$"{role}_pid"].data<long>().ToArray(), arrays.GetValueOrDefault($"{role}_cam")?.data<long>().ToArray());

    private string InFolder(string name) => Path.Combine(folder, name);

    private static (int Code, string Output, string Error) Run(params string[] arguments) =>
        SampleProgram.Run("EvaluateFeatures", arguments);
}
