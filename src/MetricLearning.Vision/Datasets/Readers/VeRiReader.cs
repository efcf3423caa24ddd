using System.Xml;
using System.Xml.Linq;

namespace MetricLearning.Vision;

/// <summary>Reads VeRi-776 by its lists of names; the XML labels, where they are there, must agree with the names.</summary>
internal static class VeRiReader
{
    public static ReIdDataset Read(string folder)
    {
        var facts = PublishedDataset.VeRi776;
        var root = new DatasetFolder(facts, folder,
            "image_train", "image_query", "image_test", "name_train.txt", "name_query.txt", "name_test.txt");
        var tracks = Tracks(root);
        ImageList Part(string list, string pictures, string? labels = null)
        {
            var known = labels is not null && Path.Exists(root.Under(labels)) ? Labels(root.Under(labels)) : null;
            return root.List(root.Rows(list, 1).Select(row =>
            {
                var (identity, camera) = ImageList.IdentityAndCamera(row[0])
                    ?? throw new InvalidDataException($"{row.File}, line {row.Line}: {row[0]} is not named like 0001_c001_00016450_0.jpg.");
                if (known is not null && known.TryGetValue(row[0], out var label) && label != (identity, camera))
                    throw new InvalidDataException($"{root.Under(labels!)}: {row[0]} is vehicle {label.Identity} at " +
                        $"camera {label.Camera}, but its name says {identity} at {camera}.");
                return new ImageSample(root.Under(pictures, row[0]), identity, camera, tracks.GetValueOrDefault(row[0]));
            }), true);
        }
        return new(facts.Name, Part("name_train.txt", "image_train", "train_label.xml"), Part("name_query.txt", "image_query"),
            Part("name_test.txt", "image_test", "test_label.xml"), RetrievalProtocol.VeRi, facts);
    }

    /// <summary>A line of test_track.txt is a track: its pictures' names. Other fields are passed over.</summary>
    private static Dictionary<string, long> Tracks(DatasetFolder root)
    {
        var tracks = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!File.Exists(root.Under("test_track.txt"))) return tracks;
        var number = 0;
        foreach (var line in File.ReadLines(root.Under("test_track.txt")))
        {
            number++;
            foreach (var name in line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)) tracks.TryAdd(name, number);
        }
        return tracks;
    }

    private static Dictionary<string, (long Identity, long Camera)> Labels(string file)
    {
        try
        {
            // The files name the encoding gb2312, which .NET has not; all that counts in them is ASCII.
            using var text = new StreamReader(file, System.Text.Encoding.Latin1);
            using var reader = XmlReader.Create(text, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
            return XDocument.Load(reader).Descendants("Item").ToDictionary(item => (string)item.Attribute("imageName")!, item =>
                ((long)item.Attribute("vehicleID")!, long.Parse(((string)item.Attribute("cameraID")!).TrimStart('c'),
                    System.Globalization.CultureInfo.InvariantCulture)), StringComparer.Ordinal);
        }
        catch (Exception e) when (e is XmlException or ArgumentException or FormatException or OverflowException)
        {
            throw new InvalidDataException($"{file} has not the items imageName, vehicleID, cameraID: {e.Message}", e);
        }
    }
}
