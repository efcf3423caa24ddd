using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Reading a dataset from a list of its images. The floor only splits the file into lines.</summary>
internal static class ListCases
{
    public static IEnumerable<Case> All => [Of(500_000)];

    private static Case Of(int rows) =>
        new("loading", "data set of a CSV list", FormattableString.Invariant($"{rows:N0} rows"), _ =>
        {
            var list = new ListFile(rows);
            return new(list)
            {
                Ours = Work.Scoped(() =>
                {
                    var set = ReIdDataset.Csv(list.Path, list.Folder);
                    return [tensor(set.Train.Count + set.Query.Count + set.Gallery.Count)];
                }),
                Floor = () =>
                {
                    File.ReadAllLines(list.Path);
                    return [];
                },
            };
        })
        {
            Floor = "reading the file's lines",
        };

    /// <summary>A list in a temporary folder. Each identity has ten images from six cameras, and every other identity is for
    /// training.</summary>
    private sealed class ListFile : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("image-list-");

        public ListFile(int rows)
        {
            Path = System.IO.Path.Combine(folder.FullName, "images.csv");
            File.WriteAllLines(Path, Enumerable.Range(0, rows).Select(Line).Prepend("file,pid,cam,split"));

            static string Line(int row)
            {
                var split = row / 10 % 2 == 0 ? "train" : row % 10 == 0 ? "query" : "gallery";
                return FormattableString.Invariant($"images/{row / 1000:0000}/{row:000000}.jpg,{row / 10},{row % 6},{split}");
            }
        }

        public string Path { get; }

        public string Folder => folder.FullName;

        public void Dispose() => folder.Delete(recursive: true);
    }
}
