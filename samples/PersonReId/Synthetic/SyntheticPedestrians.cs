using MetricLearning;

namespace PersonReId.Synthetic;

/// <summary>
/// Draws a dataset of people who do not exist, with the folders and file names of Market-1501: <c>bounding_box_train</c>, <c>query</c> and
/// <c>bounding_box_test</c> with files such as <c>0002_c1s1_000451_03.jpg</c>.
/// </summary>
/// <remarks>
/// The same settings give the same people in the same poses on every run. Train and test identities are disjoint. Each person walks past
/// some of the cameras. Of the images of a test person at one camera, the first is a query, and the others belong to the gallery. The
/// gallery also holds distractors (identity 0000) and junk (identity -1: boxes that show only a part of a body).
/// </remarks>
internal sealed record SyntheticPedestrians
{
    public int TrainIdentities { get; init; } = 120;
    public int TestIdentities { get; init; } = 50;
    public int Cameras { get; init; } = 6;
    public int PicturesPerPass { get; init; } = 4;
    public ulong Seed { get; init; } = 1;

    /// <summary>The number of images of the dataset.</summary>
    public int Count => Plan().Count;

    /// <summary>Draws all images into a folder. An earlier dataset there is replaced if this program drew it. The images appear there
    /// when all of them are drawn, so a dataset of which a part is missing never looks whole.</summary>
    /// <param name="folder">The folder of the dataset.</param>
    /// <param name="progress">Gets the number of images done after each image, from any thread.</param>
    /// <param name="cancellationToken">Stops the drawing. The earlier dataset stays.</param>
    /// <exception cref="UserErrorException">The folder holds images that this program did not draw.</exception>
    public void DrawTo(string folder, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var drawn = new DrawnFolder(folder);
        drawn.CheckOwn();
        var unfinished = drawn.Begin();
        try
        {
            Draw(unfinished, progress, cancellationToken);
            drawn.Replace(unfinished, this);
        }
        finally
        {
            if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
        }
    }

    private void Draw(string folder, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        var cameras = Enumerable.Range(1, Cameras).Select(number => new Camera(number, Seed)).ToArray();
        try
        {
            var shots = Plan();
            var done = 0;
            var options = new ParallelOptions
            {
                CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount,
            };
            Parallel.ForEach(shots, options, shot =>
            {
                var look = shot.Identity switch
                {
                    0 when shot.Box % 3 == 0 => null, 0 => Person(100_000 + shot.Frame), _ => Person(shot.Body),
                };
                var random = SeededRandom.ForStream(Seed, 0x5407, (ulong)shot.Body, (ulong)shot.Camera, (ulong)shot.Frame);
                var jpeg = cameras[shot.Camera - 1].Photograph(look, shot.Identity < 0, random, Person(200_000 + shot.Frame));
                File.WriteAllBytes(Path.Combine(folder, shot.Folder, shot.Name), jpeg);
                progress?.Report(Interlocked.Increment(ref done));
            });
        }
        finally
        {
            foreach (var camera in cameras) camera.Dispose();
        }
    }

    private readonly record struct Shot(string Folder, int Identity, int Body, int Camera, int Frame, int Box)
    {
        public string Name => $"{(Identity < 0 ? "-1" : Identity.ToString("0000", null))}_c{Camera}s1_{Frame:000000}_{Box:00}.jpg";
    }

    private Appearance Person(int body) => Appearance.Draw(SeededRandom.ForStream(Seed, 0xB0D4, (ulong)body));

    private List<Shot> Plan()
    {
        var random = SeededRandom.ForStream(Seed, 0x91A2);
        var identities = Enumerable.Range(2, TrainIdentities + TestIdentities).ToArray();
        random.Shuffle<int>(identities);
        var shots = new List<Shot>();
        var frame = 0;
        for (var i = 0; i < identities.Length; i++)
        {
            var cameras = Enumerable.Range(1, Cameras).ToArray();
            random.Shuffle<int>(cameras);
            var passes = Math.Min(Cameras, 3 + random.NextInt(3));
            foreach (var camera in cameras[..passes])
            {
                frame += 40 + random.NextInt(60);
                var pictures = Math.Max(2, PicturesPerPass - 1 + random.NextInt(3));
                for (var k = 0; k < pictures; k++)
                {
                    var folder = i < TrainIdentities ? "bounding_box_train" : k == 0 ? "query" : "bounding_box_test";
                    shots.Add(new Shot(folder, identities[i], identities[i], camera, frame += 4 + random.NextInt(9),
                        1 + random.NextInt(4)));
                }
            }
        }
        for (var i = 0; i < TestIdentities; i++)
        {
            shots.Add(new Shot("bounding_box_test", 0, 0, 1 + random.NextInt(Cameras), frame += 50, i % 6));
            shots.Add(new Shot("bounding_box_test", -1, identities[TrainIdentities + random.NextInt(TestIdentities)],
                1 + random.NextInt(Cameras), frame += 50, 0));
        }
        return shots;
    }
}
