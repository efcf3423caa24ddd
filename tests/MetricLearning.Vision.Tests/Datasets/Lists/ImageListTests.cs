using System.IO.Compression;
namespace MetricLearning.Vision.Tests;

public sealed class ImageListTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>A list that counts from 0 has a person 0, who is not a distractor.</summary>
    [Fact]
    public void IdentityZero_IsAPerson_InAListThatCountsFromZero()
    {
        var csv = folder.Under("zero.csv");
        File.WriteAllLines(csv, ["file,pid,cam", "a.jpg,0,1", "b.jpg,0,2", "c.jpg,1,1", "d.jpg,-1,1"]);
        var (market, zero) = (ImageList.FromCsv(csv, ""), ImageList.FromCsv(csv, "", countsFromZero: true));
        Assert.Equal(new ImageListStatistics(1, 4, 2, 2, 1), market.Statistics);
        Assert.Equal(new ImageListStatistics(2, 4, 2, 0, 1), zero.Statistics);
        Assert.Equal([1L], ImageList.Combine(market).Identities);
        var combined = ImageList.Combine(zero, market);
        Assert.Equal([1L, 1, 2, 3], combined.Select(image => image.Identity));
        Assert.Equal(["0/0", "0/1", "1/1"], combined.Identities.Select(identity => combined.IdentityNames![identity]));
        Assert.True(zero.Where(image => image.Camera == 1).CountsFromZero);
        Assert.Equal(["2 identities are in training and in the gallery: 0, 1. Scores on them say little."],
            new ReIdDataset("zero", zero, zero.Where(image => image.Camera == 1), zero).Warnings);
    }

    /// <summary>Images without cameras have the camera 0. If the list took it for a camera, an evaluation would remove all
    /// matches.</summary>
    [Fact]
    public void CamerasAreKnown_IfAnImageHasOne_UnlessTheCallerSaysOtherwise()
    {
        ImageSample[] without = [ImageSample.FromBytes("a", new byte[1], 0), ImageSample.FromBytes("b", new byte[1], 0)];
        Assert.False(new ImageList(without).HasCameras);
        Assert.Equal(new ImageListStatistics(1, 2, 0, 0, 0), new ImageList(without).Statistics);
        Assert.True(new ImageList(without, hasCameras: true).HasCameras);
        Assert.True(new ImageList([.. without, new("c", 1, 1)]).HasCameras);
        Assert.True(new ImageList([.. without, new("c", 1, 1)]).Where(image => image.Camera == 0).HasCameras);
        Assert.False(new ImageList([.. without, new("c", 1, 1)], hasCameras: false).HasCameras);
    }

    [Fact]
    public void Combine_CountsAllImagesOfAListWithoutCamerasAsThoseOfOneCamera()
    {
        ImageSample[] samples = [new("a.jpg", 1, 1), new("b.jpg", 1, 2), new("c.jpg", 2, 3)];
        var combined = ImageList.Combine(new ImageList(samples, hasCameras: false), new ImageList(samples, hasCameras: true));
        Assert.Equal([1L, 1, 1, 2, 3, 4], combined.Select(image => image.Camera));
        Assert.True(combined.HasCameras);
    }

    [Fact]
    public void FromNamedFiles_ReadsIdentityAndCameraInOrdinalOrder()
    {
        string[] names =
            ["0011_c3s2_000001_01.jpg", "0002_c1s1_000451_03.jpg", "0000_c2s1_000001_00.jpg", "1501_c6s3_090067_02.JPG", "0003_c1_21.png"];
        foreach (var name in names) folder.Write(name, 1);
        folder.Write("-1_c4s1_000401_03.jpg", 1);
        folder.Write("Thumbs.db", 1);
        folder.Write("._0002_c1s1_000451_03.jpg", 1);
        var list = ImageList.FromNamedFiles(folder.Path);
        Assert.Equal([(0, 2), (2, 1), (3, 1), (11, 3), (1501, 6)], list.Select(s => (s.Identity, s.Camera)));
        Assert.Equal([0, 1, 2, 3, 4], list.Labels);
        Assert.Equal([0, 2, 3, 11, 1501], list.Identities);
        Assert.Equal(new ImageListStatistics(4, 5, 4, 1, 0), list.Statistics);
        Assert.True(list.HasCameras);
        var all = ImageList.FromNamedFiles(folder.Path, keepJunk: true);
        Assert.Equal(-1, all[0].Identity);
        Assert.Equal(new ImageListStatistics(4, 6, 5, 1, 1), all.Statistics);
    }

    [Fact]
    public void Labels_FollowTheIdentitiesNotTheOrder()
    {
        var list = new ImageList([new("c", 70, 1), new("a", 5, 1), new("b", 70, 2), new("d", 9, 1)]);
        Assert.Equal([2, 0, 2, 1], list.Labels);
        Assert.Equal(3, list.ClassCount);
    }

    [Fact]
    public void FromNamedFiles_NamesThatDoNotParse_AreCountedAndNamed()
    {
        folder.Write("0002_c1s1_000451_03.jpg", 1);
        folder.Write("portrait.jpg", 1);
        folder.Write("-2_c1.jpg", 1);
        var message = Assert.Throws<InvalidDataException>(() => ImageList.FromNamedFiles(folder.Path)).Message;
        Assert.Equal($"2 of 3 images in {folder.Path} are not named like 0002_c1s1_000451_03.jpg (identity, camera, ...): " +
            "-2_c1.jpg, portrait.jpg.", message);
    }

    [Fact]
    public void FromNamedFiles_NoFolderOrNoPictures_SaysWhich()
    {
        var missing = Path.Combine(folder.Path, "nowhere");
        Expect.Error<DirectoryNotFoundException>($"There is no folder {missing}.", () => ImageList.FromNamedFiles(missing));
        folder.Write("readme.txt", 1);
        Expect.Error<InvalidDataException>($"There are no images in {folder.Path} (.bmp, ", () => ImageList.FromNamedFiles(folder.Path));
    }

    [Fact]
    public void FromFolders_EachFolderWithPicturesIsAnIdentity()
    {
        foreach (var name in new[] { "greek/beta/1.png", "greek/alpha/2.png", "greek/alpha/1.png", "anna/x.jpg" }) folder.Write(name, 1);
        var list = ImageList.FromFolders(folder.Path);
        Assert.Equal(["anna", "greek/alpha", "greek/beta"], list.IdentityNames!.OrderBy(p => p.Key).Select(p => p.Value));
        Assert.Equal([0, 1, 1, 2], list.Select(s => s.Identity));
        Assert.False(list.HasCameras);
        Assert.Equal(new ImageListStatistics(3, 4, 0, 0, 0), list.Statistics);
        folder.Write("loose.jpg", 1);
        Expect.Error<InvalidDataException>("are not in the folder of an identity: loose.jpg.", () => ImageList.FromFolders(folder.Path));
    }

    /// <summary>Browsers save JPEG files as .jfif.</summary>
    [Fact]
    public void EveryExtensionOfJpeg_IsAnImage()
    {
        foreach (var name in new[] { "a/1.jpg", "a/2.JPEG", "b/1.jfif", "b/2.Jpe" }) folder.Write(name, 1);
        Assert.Equal(4, ImageList.FromFolders(folder.Path).Count);
    }

    /// <summary>Notebooks, galleries and file managers keep copies of images in hidden folders.</summary>
    [Fact]
    public void HiddenFolders_AreNoIdentities()
    {
        string[] hidden = ["anna/.thumbnails/1.png", ".ipynb_checkpoints/2.png", ".trash/anna/3.tiff", "anna/@eaDir/1.png/SMALL.jpg",
            "#recycle/4.png", "$RECYCLE.BIN/5.jpg", "__MACOSX/anna/6.jpg"];
        foreach (var name in hidden.Prepend("anna/1.png"))
            folder.Write($".data/{name}", 1);
        var root = folder.Under(".data");       // the user named this one
        Assert.Equal(["anna"], ImageList.FromFolders(root).IdentityNames!.Values);
        Assert.Single(ImageList.FromFolders(root));
        var zip = folder.Under("images.zip");
        ZipFile.CreateFromDirectory(root, zip);
        using var archive = new ImageArchive(zip);
        Assert.Equal(["anna/1.png"], archive.Names);
        Assert.Single(archive.Images());
    }

    [Fact]
    public void FromFolders_KeepsABackslashInAName_ApartFromAFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A name on Windows has no backslash.");
        foreach (var name in new[] { "a/b/1.jpg", "a\\b/2.jpg" }) folder.Write(name, 1);
        Assert.Equal(["a/b", "a\\b"], ImageList.FromFolders(folder.Path).IdentityNames!.Values);
    }

    [Fact]
    public void FromFolders_ReadsEachRealFolderOnce_WhateverTheLinks()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows asks for a right to make symbolic links.");
        folder.Write("tree/anna/1.jpg", 1);
        folder.Write("tree/greek/alpha/1.png", 1);
        folder.Write("beside/2.png", 1);
        folder.Write("outside/carl/3.png", 1);
        var root = folder.Under("tree");
        // Through two links to the root, a careless walk would find 2 to the power of 40 images before the system refuses to go deeper.
        Link("tree/anna/up", root);
        Link("tree/anna/again", root);
        Link("tree/a-link-to-greek", "greek");
        Link("tree/above", folder.Path);
        Link("tree/self", "self");
        Link("tree/gone", "nowhere");
        Link("tree/zoo", folder.Under("outside"));
        Link("tree/zoo-again", folder.Under("tree", "zoo", "carl"));
        Link("tree/anna/2.jpg", folder.Under("outside", "carl", "3.png"));
        var list = ImageList.FromFolders(root);
        Assert.Equal(["anna/1.jpg", "anna/2.jpg", "greek/alpha/1.png", "zoo/carl/3.png"],
            list.Select(sample => Path.GetRelativePath(root, sample.Path).Replace('\\', '/')));
        Assert.Equal(["anna", "greek/alpha", "zoo/carl"], list.IdentityNames!.OrderBy(pair => pair.Key).Select(pair => pair.Value));
        // A link may also lead to the root.
        Link("link-to-tree", "tree");
        Assert.Equal(4, ImageList.FromFolders(folder.Under("link-to-tree")).Count);
    }

    [Fact]
    public void NamesThatAreNotUtf8_AreNamedAndNotLost()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems refuse such names.");
        folder.Write("tree/anna/1.jpg", 1);
        var root = folder.Under("tree");
        Shell.Run("mkdir \"$(printf '%s/b\\377rta' \"$0\")\" && touch \"$(printf '%s/b\\377rta/1.jpg' \"$0\")\"", root);
        try
        {
            Expect.Error<InvalidDataException>($"1 of 2 images and folders in {root} have names that are not UTF-8, so .NET cannot open " +
                "them: b\uFFFDrta. Rename them.", () => ImageList.FromFolders(root));
        }
        finally
        {
            Shell.Run("rm -r \"$0\"", root);
        }
    }

    [Fact]
    public void NullEntries_AreNamed()
    {
        Expect.Error<ArgumentException>("samples must not have null entries, but entry 1 is null.",
            () => new ImageList([new("a", 1, 1), null!]));
        Expect.Error<ArgumentException>("lists must not have null entries.", () => ImageList.Combine(new ImageList([]), null!));
    }

    [Fact]
    public void FromCsv_TakesTheRowsOfASplit()
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, "split,file,pid,cam,note\ntest,b.jpg,7,2,x\ntrain,c.jpg,8,1,\"a, b\"\ntest,\"a, 1.jpg\",7,1,x\n");
        var list = ImageList.FromCsv(csv, "images", "test");
        Assert.Equal([new(Path.Combine("images", "a, 1.jpg"), 7, 1), new(Path.Combine("images", "b.jpg"), 7, 2)], list);
        Assert.Equal(3, ImageList.FromCsv(csv, "images").Count);
        Expect.Error<InvalidDataException>("has no images of split dev, only of test, train.",
            () => ImageList.FromCsv(csv, "images", "dev"));
    }

    [Theory]
    [InlineData("file,cam\na.jpg,1\n", "has no column pid, only file, cam.")]
    [InlineData("", " is empty: it must list images.")]
    [InlineData("file,pid\n", " has no images.")]
    [InlineData("file,pid,file\na.jpg,1,b.jpg\n", " has the column file twice.")]
    [InlineData("file,pid\na.jpg,1\nb.jpg,2\na.jpg,3\n", "a.jpg with the identities 1 and 3 (lines 2 and 4): an image shows one.")]
    [InlineData("file,pid\na.jpg,seven\n", ": pid of a.jpg must be a whole number, got \"seven\".")]
    [InlineData("file,pid\na.jpg\n", "2 fields expected, got 1.")]
    [InlineData("file,pid\n\"a.jpg,1\n", ", line 2 does not parse: \"a.jpg,1")]
    [InlineData("file,pid\n\n\"a\"b.jpg,1\n", ", line 3 does not parse: \"a\"b.jpg,1")]
    [InlineData("file,pid\n,1\n", ", line 2: file must name an image, got nothing.")]
    [InlineData("file,pid\na.jpg,-2\n", ", line 2: pid of a.jpg must be -1 or greater, got -2.")]
    [InlineData("file,pid,cam\na.jpg,1,-1\n", ", line 2: cam of a.jpg must be 0 or greater, got -1.")]
    [InlineData("file,pid\na\u001b.jpg,x\n", ", line 2: pid of a\\u001b.jpg must be a whole number, got \"x\".")]
    public void FromCsv_BadFile_SaysWhatIsWrong(string text, string ending)
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, text);
        var message = Assert.Throws<InvalidDataException>(() => ImageList.FromCsv(csv, "images")).Message;
        Assert.StartsWith(csv, message, StringComparison.Ordinal);
        Assert.EndsWith(ending, message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromCsv_ReadsQuotedFields()
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, "\"file\" , pid,note\r\n \"a \"\"b\"\".jpg\" ,1,\"two\nlines, one field\"\r\n\r\nc\"d.jpg,2,\r\n");
        Assert.Equal([("a \"b\".jpg", 1), ("c\"d.jpg", 2)], ImageList.FromCsv(csv, "").Select(s => (s.Path, s.Identity)));
    }

    /// <summary>An open quote must not take quadratic time, and must not put the whole file into the message.</summary>
    [Fact]
    public void FromCsv_AnOpenQuoteInALongFile_IsFoundSoon()
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, "file,pid\n\"" + string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i}.jpg,1\n")));
        var message = Assert.Throws<InvalidDataException>(() => ImageList.FromCsv(csv, "images")).Message;
        Assert.Equal($"{csv}, line 2 does not parse: \"0.jpg,1", message);
    }

    [Fact]
    public void FilesThatAreNotUtf8_AreRefused()
    {
        var file = folder.Write("list.csv", [.. "file,pid\nm\u00fcller.jpg,1\n".Select(character => (byte)character)]);
        Expect.Error<InvalidDataException>($"{file} is not UTF-8", () => ImageList.FromCsv(file, "images"));
        Expect.Error<InvalidDataException>($"{file} is not UTF-8", () => ImageList.FromJsonLines(file, "images"));
    }

    /// <summary>No line and no row grows without bound, and messages escape the contents of a file.</summary>
    [Fact]
    public void FromCsv_BoundsLinesAndFields_AndEscapesWhatItShows()
    {
        var file = folder.Under("list.csv");
        File.WriteAllText(file, "file,pid\n" + new string('a', 1_100_000));
        Expect.Error<InvalidDataException>($"{file}, line 2 has more than 1048576 characters", () => ImageList.FromCsv(file, "p"));
        File.WriteAllText(file, new string(',', 5000));
        Expect.Error<InvalidDataException>($"{file}, line 1 does not parse: ,,", () => ImageList.FromCsv(file, "p"));
        File.WriteAllText(file, "\u001b[31m,\u202ename\na,b");
        Expect.Error<InvalidDataException>($"{file} has no column file, only \\u001b[31m, \\u202ename.",
            () => ImageList.FromCsv(file, "p"));
    }

    [Fact]
    public void FromJsonLines_TakesTheLinesOfASplit()
    {
        var file = folder.Under("list.jsonl");
        File.WriteAllText(file, """
            {"file": "b.jpg", "pid": 7, "cam": 2, "track": 5, "split": "train"}

            {"split": "train", "file": "a.jpg", "pid": "8", "cam": 1, "track": 0, "note": {"x": 1}}
            {"file": "c.jpg", "pid": 9, "cam": 1, "track": 1, "split": "query"}
            """);
        Assert.Equal([new(Path.Combine("p", "a.jpg"), 8, 1), new(Path.Combine("p", "b.jpg"), 7, 2, 5)],
            ImageList.FromJsonLines(file, "p", "train"));
        Assert.Equal(3, ImageList.FromJsonLines(file, "p").Count);
        File.AppendAllText(file, "\n{\"file\": \"d.jpg\"}");
        Expect.Error<InvalidDataException>($"{file}, line 5 has no pid, as the first line has.", () => ImageList.FromJsonLines(file, "p"));
        File.WriteAllLines(file, ["""{"file": "a.jpg", "pid": 1}""", """{"file": "b.jpg", "pid": 1, "note": "read"}"""]);
        Assert.Equal(2, ImageList.FromJsonLines(file, "p").Count);
        File.AppendAllLines(file, ["""{"file": "c.jpg", "pid": 1, "cam": 2}"""]);
        Expect.Error<InvalidDataException>($"{file}, line 3 has cam, but the first line has none.",
            () => ImageList.FromJsonLines(file, "p"));
        var name = new string('n', 100_000);
        File.WriteAllText(file, $$"""
            {"file": "a.jpg", "pid": 1, "{{name}}": 1}
            {"file": "b.jpg", "pid": 1}
            """);
        Expect.Error<InvalidDataException>($"{file}, line 2 has no {name[..200]}..., as the first line has.",
            () => ImageList.FromJsonLines(file, "p"));
        File.WriteAllText(file, "[1]");
        Expect.Error<InvalidDataException>($"{file}, line 1 does not parse as a JSON object: [1]",
            () => ImageList.FromJsonLines(file, "p"));
        File.WriteAllText(file, """{"file": null, "pid": 1}""");
        Expect.Error<InvalidDataException>($"{file}, line 1: file must name an image, got nothing.",
            () => ImageList.FromJsonLines(file, "p"));
        File.WriteAllText(file, "");
        Expect.Error<InvalidDataException>($"{file} is empty", () => ImageList.FromJsonLines(file, "p"));
    }

    [Fact]
    public void Combine_RenumbersIdentitiesAndCameras()
    {
        var people = new ImageList([new("a", 70, 3), new("b", 5, 1), new("c", 0, 1), new("d", -1, 6), new("e", 5, 3)]);
        var things = new ImageList([new("f", 0, 0), new("g", 4, 0)], hasCameras: false);
        var both = ImageList.Combine(people, things, people);
        Assert.Equal(["a", "b", "e", "f", "g", "a", "b", "e"], both.Select(s => s.Path));
        Assert.Equal([2, 1, 1, 3, 4, 6, 5, 5], both.Select(s => s.Identity));
        Assert.Equal([2, 1, 2, 3, 3, 5, 4, 5], both.Select(s => s.Camera));
        Assert.Equal(["0/5", "0/70", "1/0", "1/4", "2/5", "2/70"], both.IdentityNames!.OrderBy(p => p.Key).Select(p => p.Value));
        Assert.Equal(new ImageListStatistics(6, 8, 5, 0, 0), both.Statistics);
        Assert.Empty(ImageList.Combine());
    }

    [Fact]
    public void SplitIdentities_IsDisjointSeededAndComplete()
    {
        var list = new ImageList(Enumerable.Range(0, 60).Select(i => new ImageSample($"{i}", i % 20, 0)), hasCameras: false);
        var (first, second) = list.SplitIdentities(0.3, 7);
        Assert.Equal((6, 14), (first.ClassCount, second.ClassCount));
        Assert.Empty(first.Identities.Intersect(second.Identities));
        Assert.Equal(list.OrderBy(s => s.Path), first.Concat(second).OrderBy(s => s.Path));
        Assert.Equal(first, list.SplitIdentities(0.3, 7).First);
        Assert.NotEqual(first.Identities, list.SplitIdentities(0.3, 8).First.Identities);
        Assert.Equal(1, list.SplitIdentities(0.001, 7).First.ClassCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => list.SplitIdentities(1, 7));
        Assert.Throws<InvalidOperationException>(() => list.Where(s => s.Identity == 3).SplitIdentities(0.5, 7));
    }

    [Fact]
    public void SplitPictures_TakesTheFirstOfEachIdentity()
    {
        var list = new ImageList([new("a", 1, 1), new("b", 2, 1), new("c", 1, 1), new("d", 1, 1)]);
        var (first, others) = list.SplitImages(2);
        Assert.Equal(["a", "b", "c"], first.Select(s => s.Path));
        Assert.Equal(["d"], others.Select(s => s.Path));
        // An image that is in the list more than once counts each time.
        (first, others) = new ImageList([new("a", 1, 1), new("a", 1, 1), new("b", 1, 1)]).SplitImages(1);
        Assert.Equal(["a"], first.Select(s => s.Path));
        Assert.Equal(["a", "b"], others.Select(s => s.Path));
    }

    [Fact]
    public void Without_LeavesTheReadablePictures()
    {
        var list = new ImageList([new("a", 1, 1), new("b", 2, 1), new("c", 3, 1)]);
        Assert.Equal(["a", "c"], list.Without([new BadImage("b", "empty")]).Select(s => s.Path));
    }

    /// <summary>Uploads may have one name. Without an error, the rows of features would belong to other images.</summary>
    [Fact]
    public void Without_RefusesToGuess_WhichOfSeveralImagesOfOnePathIsBad()
    {
        var list = new ImageList([new("a", 1, 1), new("b", 2, 1), new("b", 3, 1)]);
        var bad = new BadImage("b", "empty");
        Expect.Error<ArgumentException>("bad has 1 of the 2 images of the path b, so it is not known which to leave out",
            () => list.Without([bad]));
        Assert.Equal(["a"], list.Without([bad, bad]).Select(s => s.Path));
        Assert.Equal(["a", "b"], list.Where(s => s.Identity < 3).Without([new BadImage("c", "")]).Select(s => s.Path));
    }

    private void Link(string name, string target) => File.CreateSymbolicLink(folder.Under(name), target);
}
