namespace MetricLearning.Vision.Tests;

public sealed class ReIdDatasetTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Market1501_ReadsTheThreeFolders()
    {
        Put("bounding_box_train", "0002_c1s1_000451_03.jpg", "0002_c2s1_000451_03.jpg");
        Put("query", "0001_c1s1_000001_00.jpg");
        Put("bounding_box_test", "0001_c2s1_000001_00.jpg", "0000_c1s1_000001_00.jpg", "-1_c1s1_000001_00.jpg");
        var dataset = ReIdDataset.Market1501(folder.Path);
        Assert.Equal((2, 1, 2), (dataset.Train.Count, dataset.Query.Count, dataset.Gallery.Count));
        Assert.Empty(dataset.Warnings);
        Assert.Equal(3, ReIdDataset.Market1501(folder.Path, keepJunk: true).Gallery.Count);
        Assert.Equal("""
            Market-1501  |    ids |   images | cameras
            -------------|--------|----------|--------
            train        |      1 |        2 |       2
            query        |      1 |        1 |       1
            gallery      |      1 |        2 |       2  (1 distractor)

            """, dataset.ToString(), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Market1501_WrongFolder_SaysWhatIsMissingAndWhatIsMeant()
    {
        Put("Market-1501-v15.09.15/bounding_box_train", "0002_c1s1_000451_03.jpg");
        Put("Market-1501-v15.09.15/query", "0001_c1s1_000001_00.jpg");
        Put("Market-1501-v15.09.15/bounding_box_test", "0001_c2s1_000001_00.jpg");
        var inner = Path.Combine(folder.Path, "Market-1501-v15.09.15");
        Expect.Error<DirectoryNotFoundException>(
            $"{folder.Path} is not a folder of Market-1501: it has no bounding_box_train, no query, no bounding_box_test. " +
            $"Did you mean {inner}?",
            () => ReIdDataset.Market1501(folder.Path));
        Directory.Delete(Path.Combine(inner, "bounding_box_train"), recursive: true);
        Expect.Error<DirectoryNotFoundException>(
            $"{inner} is not a folder of Market-1501: it has no bounding_box_train. It has bounding_box_test, query.",
            () => ReIdDataset.Market1501(inner));
        Assert.Empty(ReIdDataset.Market1501(inner, testOnly: true).Train);
        Expect.Error<DirectoryNotFoundException>("There is no folder /nowhere.", () => ReIdDataset.Market1501("/nowhere"));
        Expect.Error<DirectoryNotFoundException>(
            "Market-1501 needs bounding_box_train/, query/ and bounding_box_test/ with images named 0002_c1s1_000451_03.jpg; " +
            "its authors provide it at https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html (academic research).",
            () => ReIdDataset.Market1501("/nowhere"));
    }

    [Fact]
    public void QueriesWithoutAMatchInTheGallery_AreAWarning_AndAnErrorIfNoQueryHasOne()
    {
        var train = List(1, 9);
        var dataset = new ReIdDataset("mine", train, List(2, 3, 3), List(2, 9));
        Assert.Equal(["1 of 2 query identities is not in the gallery: 3. So 2 queries cannot be scored.",
            "1 identity is in training and in the gallery: 9. Scores on it say little."], dataset.Warnings);
        Assert.Contains($"warning: {dataset.Warnings[0]}", dataset.ToString(), StringComparison.Ordinal);
        Expect.Error<InvalidDataException>(
            "mine: no query identity appears in the gallery (queries have 4; the gallery has 2, 3, 5, 6, 7, ...).",
            () => new ReIdDataset("mine", train, List(4), List(2, 3, 5, 6, 7, 8)));
        Expect.Error<InvalidDataException>("mine: there are no queries.", () => new ReIdDataset("mine", train, List(), List(2)));
        Expect.Error<InvalidDataException>("mine: the gallery has no images.", () => new ReIdDataset("mine", train, List(2), List()));
    }

    [Fact]
    public void AQueryThatFindsItself_IsAWarning()
    {
        ImageList Images(bool hasCameras, params string[] names) => new(names.Select(name => new ImageSample(name, 1, 1)), hasCameras);
        ReIdDataset Dataset(bool hasCameras, RetrievalProtocol? protocol = null) => new("mine", List(2),
            Images(hasCameras, "a.jpg", "b.jpg"), Images(hasCameras, "a.jpg", "c.jpg"), protocol);
        Assert.Equal(["1 image is in the queries and in the gallery: a.jpg. It finds itself."], Dataset(false).Warnings);
        Assert.Empty(Dataset(true).Warnings);
        Assert.Single(Dataset(true, RetrievalProtocol.NoFilter).Warnings);
        Assert.Empty(Dataset(false, RetrievalProtocol.NoFilter with { Keep = (query, image) => query != image }).Warnings);
    }

    [Fact]
    public void Market1501_OnRealPictures_HasThePublishedCounts()
    {
        folder.Unpack("market1501-a.zip", _ => true);
        var root = Path.Combine(folder.Path, "market1501-a");
        var dataset = ReIdDataset.Market1501(root);
        Assert.Equal(new ImageListStatistics(226, 3639, 6, 0, 0), dataset.Train.Statistics);
        Assert.Equal((654, 150), (dataset.Query.Count, dataset.Query.ClassCount));
        Assert.Equal((2045, 6), (dataset.Gallery.Count, dataset.Gallery.Statistics.Cameras));
        Assert.Equal(dataset.Query, ImageList.FromCsv(Path.Combine(root, "query.csv"), Path.Combine(root, "query")));
        Assert.Equal(dataset.Gallery, ImageList.FromCsv(Path.Combine(root, "gallery.csv"), Path.Combine(root, "bounding_box_test")));
    }

    [Fact]
    public void FromCsv_OnCuhk03_HasThePublishedSplits()
    {
        folder.Unpack("cuhk03-np-train.zip", name => name.EndsWith(".csv", StringComparison.Ordinal));
        ImageList Read(string split) => ImageList.FromCsv(Path.Combine(folder.Path, "cuhk03-np-train", "splits.csv"), "images", split);
        Assert.Equal(new ImageListStatistics(767, 7365, 2, 0, 0), Read("train").Statistics);
        Assert.Equal(new ImageListStatistics(671, 6447, 2, 0, 0), Read("dev_train").Statistics);
        Assert.Equal(new ImageListStatistics(96, 192, 2, 0, 0), Read("dev_query").Statistics);
        Assert.Equal(726, Read("dev_gallery").Count);
    }

    [Fact]
    public void FromFolders_OnFacesAndLetters_CountsThemAndReadsThem()
    {
        folder.Unpack("orl_faces_s01-s28.zip", _ => true);
        folder.Unpack("omniglot_images_background_small1.zip", name => name.Contains("/Latin/", StringComparison.Ordinal));
        var faces = ImageList.FromFolders(Path.Combine(folder.Path, "orl_faces"));
        Assert.Equal((28, 280), (faces.ClassCount, faces.Count));
        var face = Picture.Load(faces[0].Path);
        Assert.Equal((92, 112), (face.Width, face.Height));
        var letters = ImageList.FromFolders(Path.Combine(folder.Path, "images_background_small1"));
        Assert.Equal((26, 520), (letters.ClassCount, letters.Count));
        var letter = Picture.Load(letters[0].Path).Pixels.ToArray();
        Assert.Equal<byte>([0, 255], letter.Distinct().Order());
    }

    [Fact]
    public void CsvAndJsonLines_ReadTheThreeSplits()
    {
        var csv = folder.Under("mine.csv");
        File.WriteAllText(csv, "file,pid,cam,split\na.jpg,1,1,train\nb.jpg,2,1,query\nc.jpg,2,2,gallery\n");
        var lines = folder.Under("mine.jsonl");
        File.WriteAllLines(lines, File.ReadLines(csv).Skip(1).Select(row => row.Split(','))
            .Select(row => $$"""{"file": "{{row[0]}}", "pid": {{row[1]}}, "cam": {{row[2]}}, "split": "{{row[3]}}"}"""));
        foreach (var data in new[] { ReIdDataset.Csv(csv, "p"), ReIdDataset.JsonLines(lines, "p") })
        {
            Assert.Equal("mine", data.Name);
            Assert.Equal([new ImageSample(Path.Combine("p", "c.jpg"), 2, 2)], data.Gallery);
            Assert.Same(RetrievalProtocol.Market1501, data.Protocol);
        }
    }

    [Fact]
    public void Csv_GivesThePartsThatFromCsvGives()
    {
        var csv = folder.Under("mine.csv");
        File.WriteAllText(csv, "file, pid ,cam,split,note\r\n\r\na.jpg,1,1,train,\r\n\"b,b.jpg\" ,2,1,query,\"two\nlines\"\n" +
            "  c.jpg,2 , 2,gallery,\"a \"\"word\"\"\"\n \nd.jpg,2,2,gallery,x\re.jpg,7,2,query,x");
        var data = ReIdDataset.Csv(csv, "p");
        Assert.Equal(ImageList.FromCsv(csv, "p", "train"), data.Train);
        Assert.Equal(ImageList.FromCsv(csv, "p", "query"), data.Query);
        Assert.Equal(ImageList.FromCsv(csv, "p", "gallery"), data.Gallery);
        Assert.Equal(["b,b.jpg", "e.jpg"], data.Query.Select(sample => Path.GetFileName(sample.Path)));
        Assert.Equal([("c.jpg", 2L, 2L), ("d.jpg", 2, 2)],
            data.Gallery.Select(sample => (Path.GetFileName(sample.Path), sample.Identity, sample.Camera)));
        Assert.Equal(["1 of 2 query identities is not in the gallery: 7. So 1 query cannot be scored."], data.Warnings);
    }

    /// <summary>Rows that no split takes, and images that are listed twice, are never silent.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lists_WarnOfRowsInNoSplit_AndOfImagesThatAreTwice(bool json)
    {
        (string File, int Pid, string Split)[] rows =
            [("a.jpg", 1, "train"), ("a.jpg", 1, "train"), ("b.jpg", 1, "trian"), ("c.jpg", 2, "query"), ("d.jpg", 2, "gallery")];
        var file = folder.Under("rows");
        File.WriteAllLines(file, json ? rows.Select(row => $"{{\"file\": \"{row.File}\", \"pid\": {row.Pid}, \"split\": \"{row.Split}\"}}")
            : rows.Select(row => $"{row.File},{row.Pid},{row.Split}").Prepend("file,pid,split"));
        Assert.Equal(
        [
            $"1 row of {file} is in none of the splits train, query, gallery, and left out. The split there: trian.",
            $"train has 1 image more than once: {Path.Combine("p", "a.jpg")}. Each time counts.",
        ], Read(null).Warnings);

        var own = Read(["trian", "query", "query"]);
        Assert.Equal(["b.jpg"], own.Train.Select(sample => Path.GetFileName(sample.Path)));
        Assert.Same(own.Query, own.Gallery);
        Assert.Same(RetrievalProtocol.SelfRetrieval, own.Protocol);
        Assert.Equal([$"3 rows of {file} are in none of the splits trian, query, and left out. The split there: train, gallery."],
            own.Warnings);
        Assert.Contains("got 1.", Assert.Throws<ArgumentException>(() => Read(["train"])).Message, StringComparison.Ordinal);
        Expect.Error<ArgumentException>("splits must be three names, for train, query and gallery, got null among them.",
            () => Read(["train", null!, "gallery"]));

        ReIdDataset Read(string[]? splits) => json ? ReIdDataset.JsonLines(file, "p", splits: splits)
            : ReIdDataset.Csv(file, "p", splits: splits);
    }

    [Fact]
    public void Csv_WithAHeaderOnly_HasNoImages()
    {
        var csv = folder.Under("header.csv");
        File.WriteAllText(csv, "file,pid,split\n");
        Expect.Error<InvalidDataException>($"{csv} has no images.", () => ReIdDataset.Csv(csv, "p"));
    }

    [Theory]
    [InlineData("file,pid,split\na.jpg,1,train\nb.jpg,2\n", "line 3: 3 fields expected, got 2.")]
    [InlineData("file,pid,split\na.jpg,1,train\nb.jpg,x,gallery\nc.jpg,1,query\n",
        "line 3: pid of b.jpg must be a whole number, got \"x\".")]
    [InlineData("file,pid,split\n\na.jpg,1,train\n,2,gallery\nc.jpg,1,query\n", "line 4: file must name an image, got nothing.")]
    public void Csv_NamesFileAndLineOfAFault(string text, string message)
    {
        var csv = folder.Under("mine.csv");
        File.WriteAllText(csv, text);
        Expect.Error<InvalidDataException>($"{csv}, {message}", () => ReIdDataset.Csv(csv, "p"));
    }

    private static ImageList List(params long[] identities) =>
        new(identities.Select((identity, i) => new ImageSample($"{i}.jpg", identity, 1)));

    private void Put(string part, params string[] names)
    {
        foreach (var name in names) folder.Write($"{part}/{name}", 1);
    }
}
