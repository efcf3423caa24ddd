extern alias sample;

using System.CommandLine;
using MetricLearning.Testing;
using MetricLearning.Vision;
using sample::MetricLearning.Samples;
using sample::PersonReId;
using sample::PersonReId.Commands;
using sample::PersonReId.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the recipes of the sample PersonReId: their resolved settings, and that each of them trains.</summary>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public class RecipeTests(SmallRun run)
{
    private const string LongRun = "METRICLEARNING_LONG_RUN", LongRecipe = "METRICLEARNING_LONG_RECIPE";

    /// <summary>The fingerprints. If one changes, runs that were started with the old recipe cannot be resumed. So change a fingerprint
    /// only on purpose.</summary>
    private static readonly Dictionary<string, string> fingerprints = new()
    {
        ["lesson"] = "aafa6347610bcb38",
        ["bag-of-tricks"] = "70acac7f55217b8c",
        ["fastreid-bot"] = "a8104ce606c56f40",
        ["agw"] = "06cd13800cd4573d",
        ["sbs"] = "fcfa653b7cbf83ad",
        ["osnet"] = "75322580bb6dee23",
        ["transreid"] = "fa89f0b93c1f7b76",
        ["fine-grained"] = "3843420fdcf9441a",
        ["image-retrieval"] = "5fb5c64147f1a890",
    };

    public static TheoryData<string> Names => [.. PublishedRecipes.All.Select(recipe => recipe.Name)];

    [Fact]
    public void Fingerprints_AreStable_AndTellRecipesApart()
    {
        Assert.Equal(fingerprints, PublishedRecipes.All.ToDictionary(recipe => recipe.Name, recipe => recipe.Fingerprint()));
        Assert.Equal(fingerprints.Count, fingerprints.Values.Distinct().Count());
        var lesson = PublishedRecipes.Lesson;
        Assert.Equal(lesson.Fingerprint(), lesson.Over(60).Over(120).Fingerprint());
        Assert.NotEqual(lesson.Fingerprint(), (lesson with { LearningRate = 1e-3 }).Fingerprint());
    }

    [Fact]
    public void TheLesson_IsTheLesson()
    {
        var lines = PublishedRecipes.Lesson.Lines().ToDictionary(line => line.Name, line => line.Value);
        Assert.Equal("16 identities x 4 images", lines["batch"]);
        Assert.Equal("BatchHardTriplet, margin 0.3", lines["loss triplet"]);
        Assert.Equal("CrossEntropy, smoothing 0.1", lines["loss identity"]);
        Assert.Equal("times 0.1 after epochs 40, 70, changed at each iteration", lines["schedule"]);
        Assert.Equal("120", lines["epochs"]);
        Assert.Equal([2, 4], PublishedRecipes.Lesson.Over(6).Milestones);
    }

    /// <summary>Compares the rate of each epoch with that of the original's own schedulers on Market-1501, which have an epoch of 202
    /// batches and are stepped here as the original steps them.</summary>
    [Theory]
    [InlineData("bag-of-tricks")]
    [InlineData("fastreid-bot")]
    [InlineData("osnet")]
    [InlineData("fine-grained")]
    public void Rates_AreThoseOfTheOriginal(string name)
    {
        const int perEpoch = 202;
        var recipe = PublishedRecipes.Named(name);
        using var scope = NewDisposeScope();
        using var model = Networks.Create(new NetworkSettings { Architecture = "convnet4" }, recipe.NeedsClassifier ? 3 : 0);
        using var parts = new RecipeParts(recipe, model, 3, perEpoch);
        Assert.Equal(Original().Take(recipe.Epochs).ToArray(),
            Enumerable.Range(1, recipe.Epochs).Select(epoch => parts.Schedule.LearningRateAt(epoch * perEpoch - 1) / recipe.LearningRate),
            (theirs, ours) => Math.Abs(theirs - ours) < 1e-12);

        // The factor at the last batch of each epoch.
        IEnumerable<double> Original()
        {
            for (var (epoch, falls) = (0, 0); ; epoch++)
                switch (name)
                {
                    case "bag-of-tricks":
                        // WarmupMultiStepLR counts 0 when it is made, and is stepped at the start of each epoch.
                        var last = epoch + 1;
                        yield return (last < 10 ? 0.01 * (1 - last / 10.0) + last / 10.0 : 1) * Fall(last, 40, 70);
                        break;
                    case "fastreid-bot":
                        // The warm-up is stepped after each batch, and MultiStepLR after each epoch that ends after the warm-up.
                        var done = (epoch + 1) * perEpoch;
                        yield return (done <= 2000 ? 0.1 * (1 - (done - 1) / 2000.0) + (done - 1) / 2000.0 : 1) * Fall(falls, 40, 90);
                        if (done > 2000) falls++;
                        break;
                    case "osnet":
                        yield return (1 + Math.Cos(Math.PI * epoch / 250)) / 2;
                        break;
                    default:
                        yield return Math.Pow(0.5, epoch / 10);
                        break;
                }
        }

        static double Fall(int count, params int[] milestones) => Math.Pow(0.1, milestones.Count(milestone => count >= milestone));
    }

    /// <summary>A run that is stopped prints its options. They must give its recipe again, whatever the user has changed.</summary>
    [Theory]
    [InlineData("--recipe", "bag-of-tricks", "--arch", "resnet18", "--without", "WarmUp", "RandomErasing", "LabelSmoothing", "LastStride",
        "BNNeck", "CenterLoss")]
    [InlineData("--weights", "imagenet", "--without", "BNNeck", "LastStride", "--epochs", "2")]
    [InlineData("--arch", "resnet34_plain", "--without", "LastStride", "--warm-up", "0", "--erasing", "0", "--smoothing", "0")]
    [InlineData("--margin", "0", "--normalize", "--matryoshka", "8", "16", "--distance", "euclidean", "--lr", "1E-05")]
    [InlineData("--recipe", "fine-grained", "--epochs", "3", "--batch", "5", "3")]
    [InlineData("--recipe", "sbs", "--epochs", "7", "--size", "64", "32")]
    [InlineData("--recipe", "agw", "--warm-up", "3", "--milestones", "5", "5", "60")]
    [InlineData("--recipe", "transreid")]
    [InlineData("--recipe", "osnet")]
    [InlineData("--recipe", "image-retrieval")]
    public void TheOptionsOfARun_GiveItsRecipe(params string[] options)
    {
        var command = new Command("train");
        var recipes = new RecipeOptions(command, new NetworkOptions(command, weightsRequired: false));
        string[] others = ["--dataset", "--eval-every", "--keep-every", "--seed"];
        foreach (var other in others) command.Add(new Option<string>(other));
        var (recipe, text) = Read(options);
        var (again, same) = Read(text.Split(' '));
        Assert.Equal((recipe.Fingerprint(), text), (again.Fingerprint(), same));

        (Recipe Recipe, string Text) Read(string[] arguments)
        {
            var parsed = command.Parse(arguments);
            Assert.Empty(ParseErrors.Of(parsed));
            var (resolved, network) = recipes.Read(parsed);
            return (resolved, new TrainingSettings { Network = network, Recipe = resolved, Output = new("run") }
                .Command(DataSource.Market1501("data")));
        }
    }

    /// <summary>What is printed is what is done, also if the file of the weights says how images are prepared.</summary>
    [Fact]
    public void Lines_TellTheImagesOfTheWeightsFile_AndTheSoftMargin()
    {
        var recipe = PublishedRecipes.Named("transreid");
        Assert.Equal("BatchHardTriplet, soft margin", Line(recipe, "loss triplet"));
        Assert.Equal("mean and deviation 0.5", Line(With(null), "normalization"));
        Assert.Equal(recipe.Fingerprint(), With(null).Fingerprint());
        var normalize = new Normalize();
        var file = new EmbeddingSpace { Interpolation = "bilinear", Mean = normalize.Mean, Deviation = normalize.Std };
        Assert.Equal("ImageNet's", Line(With(file), "normalization"));
        Assert.Equal("256 x 128, bilinear", Line(With(file), "image size"));
        Assert.Equal("mean 0.25, 0.5, 0.75, deviation 1, 1, 1",
            Line(With(file with { Mean = [0.25f, 0.5f, 0.75f], Deviation = [1, 1, 1] }), "normalization"));

        Recipe With(EmbeddingSpace? space) => new NetworkSettings
        {
            Architecture = recipe.Architecture, Interpolation = recipe.Interpolation, Mean = recipe.Mean, File = space,
        }.Change(recipe);

        static string Line(Recipe recipe, string name) => recipe.Lines().First(line => line.Name == name).Value;
    }

    [Fact]
    public void LengthsThatAreLongerThanTheTraining_GiveAWarning()
    {
        var recipe = PublishedRecipes.Named("sbs");
        Assert.Empty(recipe.Warnings(batchesPerEpoch: 202));
        Assert.Equal([
            "the training has 600 iterations and the warm-up 2000 iterations, so the learning rate never reaches 0.00035. --warm-up sets "
                + "its length in epochs.",
            "the training has 600 iterations, and backbone is frozen for 1000 iterations, so it never trains. Train for more epochs, or "
                + "take another recipe.",
        ], recipe.Warnings(batchesPerEpoch: 10));
    }

    [Theory]
    [InlineData(120)]
    [InlineData(2)]     // each trick must remain in a short run: each step has a folder named by its fingerprint
    public void Tricks_AreAddedOneByOne(int epochs)
    {
        var steps = TricksCommand.Steps(PublishedRecipes.Named("bag-of-tricks").Over(epochs));
        Assert.Equal(["baseline", "+ WarmUp", "+ RandomErasing", "+ LabelSmoothing", "+ LastStride", "+ BNNeck", "+ CenterLoss"],
            steps.Select(step => step.Name));
        Assert.Equal("resnet50_s2_plain", steps[0].Recipe.Architecture);
        Assert.Equal(PublishedRecipes.Named("bag-of-tricks").Over(epochs).Fingerprint(), steps[^1].Recipe.Fingerprint());
        Assert.Equal(steps.Count, steps.Select(step => step.Recipe.Fingerprint()).Distinct().Count());
    }

    [Fact]
    public void Tricks_TakeTheNetworkWithImageNetWeights()
    {
        var whole = PublishedRecipes.Named("bag-of-tricks") with { Architecture = PublishedWeights.Architecture };
        Assert.Equal("cntk_resnet18_s2_plain", TricksCommand.Steps(whole)[0].Recipe.Architecture);
        var error = Assert.Throws<WrongOptionException>(() => TricksCommand.Steps(whole with { Architecture = "osnet_x0_25" }));
        Assert.Contains("resnet18, cntk_resnet18, resnet34, resnet50", error.Message);
    }

    [Fact]
    public void TrainedWeights_AreNotThoseOfImageNet()
    {
        var start = new NetworkSettings { Architecture = PublishedWeights.Architecture, Weights = new FileInfo(PublishedResNet18.Network) };
        Assert.True(start.ImageNet);
        Assert.False((start with { Weights = new FileInfo("last.safetensors") }).ImageNet);
    }

    /// <summary>Trains each recipe for three epochs, on a few small images and with a small network. The environment variable
    /// METRICLEARNING_LONG_RUN asks for a long run of at least that many steps, such as 10,000. Neither tensors nor memory may grow in
    /// it. METRICLEARNING_LONG_RECIPE limits the long run to one recipe.</summary>
    [Theory, MemberData(nameof(Names))]
    public void EachRecipe_Trains_AndMemoryStaysFlat(string name)
    {
        var steps = int.TryParse(Environment.GetEnvironmentVariable(LongRun), out var wanted) ? wanted : 0;
        if (steps > 0 && Environment.GetEnvironmentVariable(LongRecipe) is { Length: > 0 } only && only != name) steps = 0;
        using var scope = NewDisposeScope();
        var recipe = Small(PublishedRecipes.Named(name)).Over(3);
        var train = ReIdDataset.Market1501(run.Data).Train;
        random.manual_seed(1);
        var settings = new NetworkSettings
        {
            Architecture = recipe.Architecture, Height = 32, Width = 32, Interpolation = recipe.Interpolation, Mean = recipe.Mean,
        };
        using var model = Networks.Create(settings, recipe.NeedsClassifier ? train.ClassCount : 0);
        var sampler = RecipeParts.SamplerOf(recipe, train, seed: 1);
        var loader = new ImageLoader(train, RecipeParts.AugmentationOf(recipe, Networks.SpaceOf(settings, model))) { Workers = 1 };
        using var parts = new RecipeParts(recipe, model, train.ClassCount, sampler.BatchesPerEpoch);
        var weights = model.named_parameters().Concat(parts.Losses.named_parameters())
            .Where(entry => entry.parameter.requires_grad)      // not a frozen bias
            .Select(entry => (entry.name, entry.parameter, Before: entry.parameter.detach().clone())).ToList();
        List<long> tensors = [], bytes = [];
        var done = 0;
        for (var epoch = 0; epoch < recipe.Epochs || done < steps; epoch++)
        {
            parts.StartEpoch(epoch);
            foreach (var batch in loader.Batches(sampler))
            {
                using (batch)
                using (NewDisposeScope())
                {
                    var result = parts.Step(batch.Images, batch.Labels);
                    Assert.All(result.Parts, part => Assert.True(double.IsFinite(part.Value), $"{part.Name} is {part.Value}"));
                }
                done++;
            }
            if (epoch + 2 < recipe.Epochs) continue;     // objects that are created once, such as momenta, exist now
            GC.Collect();
            GC.WaitForPendingFinalizers();
            tensors.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            bytes.Add(Environment.WorkingSet);
        }
        Assert.True(done >= 2 * recipe.Epochs);
        Assert.True(tensors.Count > 1);
        Assert.Single(tensors.Distinct());
        Assert.All(weights, weight => Assert.False(weight.Before.Equals(weight.parameter), $"{weight.name} did not change"));
        if (steps == 0) return;
        var early = bytes[bytes.Count / 4];
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{name}: {done} steps; resident bytes {bytes[0]}, at a quarter {early}, at the end {bytes[^1]}; {tensors[^1]} tensors");
        Assert.True(bytes[^1] < early + (64L << 20), $"memory grew from {early} to {bytes[^1]} bytes");
    }

    [Fact]
    public void ARunOfAnotherRecipe_IsRefused_AndTheReportNamesItsOwn()
    {
        var folder = run.NewFolder();
        string[] small = ["--arch", "convnet4", "--size", "32", "32", "--epochs", "1", "--batch", "3", "2", "--device", "cpu", "--workers",
            "1", "--keep-every", "1", "--data", run.Data, "--output", folder];
        SmallRun.Finish(["train", "--recipe", "bag-of-tricks", .. small]);
        var notes = TrainingCheckpoint.ReadNotes(Path.Combine(folder, TrainingCheckpoint.LastFile));
        Assert.Contains(notes["recipe fingerprint"], File.ReadAllText(Path.Combine(folder, "report.html")), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "epoch-001.safetensors")));
        File.Delete(Path.Combine(folder, "report.html"));
        var (code, output) = SmallRun.Run(["train", "--recipe", "fastreid-bot", .. small, "--resume"]);
        Assert.Equal(1, code);
        Assert.Contains("begun with other options", output, StringComparison.Ordinal);
        (code, output) = SmallRun.Run(["train", "--recipe", "osnet", "--margin", "0.5", .. small, "--overwrite"]);
        Assert.Equal(2, code);
        Assert.Contains("--margin: the recipe osnet has no such loss", output, StringComparison.Ordinal);
    }

    private static Recipe Small(Recipe recipe) => recipe.Over(2) with
    {
        Architecture = recipe.Architecture.StartsWith("vit", StringComparison.Ordinal) ? "vit_tiny"
            : recipe.Architecture.EndsWith("plain", StringComparison.Ordinal) ? "convnet4_plain" : "convnet4",
        Height = 32,
        Width = 32,
        IdentitiesPerBatch = 3,
        ImagesPerIdentity = 2,
    };
}
