namespace MetricLearning.Vision.Tests;

public sealed class ImageListTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

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
        Assert.Equal($"2 of 3 pictures in {folder.Path} are not named like 0002_c1s1_000451_03.jpg (identity, camera, ...): " +
            "-2_c1.jpg, portrait.jpg.", message);
    }

    [Fact]
    public void FromNamedFiles_NoFolderOrNoPictures_SaysWhich()
    {
        var missing = Path.Combine(folder.Path, "nowhere");
        Expect.Error<DirectoryNotFoundException>($"There is no folder {missing}.", () => ImageList.FromNamedFiles(missing));
        folder.Write("readme.txt", 1);
        Expect.Error<InvalidDataException>($"There are no pictures in {folder.Path} (.bmp, ", () => ImageList.FromNamedFiles(folder.Path));
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
        Expect.Error<InvalidDataException>("are in no identity's folder: loose.jpg.", () => ImageList.FromFolders(folder.Path));
    }

    [Fact]
    public void FromCsv_TakesTheRowsOfASplit()
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, "split,file,pid,cam,note\ntest,b.jpg,7,2,x\ntrain,c.jpg,8,1,\"a, b\"\ntest,\"a, 1.jpg\",7,1,x\n");
        var list = ImageList.FromCsv(csv, "pictures", "test");
        Assert.Equal([new(Path.Combine("pictures", "a, 1.jpg"), 7, 1), new(Path.Combine("pictures", "b.jpg"), 7, 2)], list);
        Assert.Equal(3, ImageList.FromCsv(csv, "pictures").Count);
        Expect.Error<InvalidDataException>("has no pictures of split dev.", () => ImageList.FromCsv(csv, "pictures", "dev"));
    }

    [Theory]
    [InlineData("file,cam\na.jpg,1\n", "has no column pid, only file, cam.")]
    [InlineData("file,pid\na.jpg,seven\n", ": pid of a.jpg must be a whole number, got \"seven\".")]
    [InlineData("file,pid\na.jpg\n", "2 fields expected, got 1.")]
    [InlineData("file,pid\n\"a.jpg,1\n", " does not parse: \"a.jpg,1")]
    public void FromCsv_BadFile_SaysWhatIsWrong(string text, string ending)
    {
        var csv = folder.Under("list.csv");
        File.WriteAllText(csv, text);
        var message = Assert.Throws<InvalidDataException>(() => ImageList.FromCsv(csv, "pictures")).Message;
        Assert.StartsWith(csv, message, StringComparison.Ordinal);
        Assert.EndsWith(ending, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_LeavesTheReadablePictures()
    {
        var list = new ImageList([new("a", 1, 1), new("b", 2, 1), new("c", 3, 1)]);
        Assert.Equal(["a", "c"], list.Without([new BadImage("b", "empty")]).Select(s => s.Path));
    }
}
