using System.Globalization;
using MetricLearning.Vision;

namespace PersonReId;

/// <summary>Reads the folder and tells what is in it.</summary>
internal static class Datasets
{
    public static ReIdDataset Open(string folder, bool testOnly = false)
    {
        var data = ReIdDataset.Market1501(folder, testOnly: testOnly);
        foreach (var warning in data.Warnings) Ui.Line($"warning: {warning}");
        return data;
    }

    /// <summary>A row a part: pictures, people, cameras, distractors.</summary>
    public static IReadOnlyList<string[]> Statistics(ReIdDataset data)
    {
        return
        [
            ["", "pictures", "people", "cameras", "distractors"],
            Row("train", data.Train), Row("query", data.Query), Row("gallery", data.Gallery),
        ];

        static string[] Row(string name, ImageList list)
        {
            var s = list.Statistics;
            return [name, N(s.Images), N(s.Identities), N(s.Cameras), N(s.Distractors)];
        }

        static string N(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
    }

    /// <summary>Some people of the training set, a picture or two a camera.</summary>
    public static IReadOnlyList<IReadOnlyList<Thumbnail>> SamplePictures(ImageList train, int people = 5, int pictures = 15) =>
        [.. train.GroupBy(sample => sample.Identity)
            .OrderByDescending(group => group.Select(sample => sample.Camera).Distinct().Count()).ThenBy(group => group.Key).Take(people)
            .Select(IReadOnlyList<Thumbnail> (group) => [.. group.OrderBy(sample => sample.Camera).Take(pictures)
                .Select(sample => new Thumbnail(sample.Path, Path.GetFileName(sample.Path)))])];
}
