using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace MetricLearning.Vision;

/// <summary>Reads VeRi-776 from its lists of names. If the XML labels exist, they must agree with the names.</summary>
internal static class VeRiReader
{
    public static DatasetParts Read(string folder, bool testOnly)
    {
        var facts = PublishedDataset.VeRi776;
        string[] test = ["image_query", "image_test", "name_query.txt", "name_test.txt"];
        var root = new DatasetFolder(facts, folder, testOnly ? test : ["image_train", "name_train.txt", .. test]);
        var tracks = Tracks(root);
        ImageList Part(string list, string images, string? labels = null)
        {
            var known = labels is not null && File.Exists(root.Under(labels)) ? Labels(root.Under(labels)) : null;
            return root.List(root.Rows(list, 1).Select(row =>
            {
                var (identity, camera) = ImageList.IdentityAndCamera(row[0])
                    ?? throw row.Fault($"{MessageText.Excerpt(row[0])} is not named like 0001_c001_00016450_0.jpg.");
                if (known is not null && known.TryGetValue(row[0], out var label) && (label.Identity, label.Camera) != (identity, camera))
                    throw Fault(label.Item, root.Under(labels!), string.Create(CultureInfo.InvariantCulture,
                        $"{MessageText.Excerpt(row[0])} is vehicle {label.Identity} at camera {label.Camera}, "
                        + $"but its name says {identity} at {camera}."));
                return new ImageSample(root.Under(images, row[0]), identity, camera, tracks.GetValueOrDefault(row[0]));
            }), true, root.Under(list));
        }
        return new(facts.Name, testOnly ? ImageList.None : Part("name_train.txt", "image_train", "train_label.xml"),
            Part("name_query.txt", "image_query"), Part("name_test.txt", "image_test", "test_label.xml"), RetrievalProtocol.VeRi, facts);
    }

    /// <summary>The track of each image. Each line of test_track.txt is a track: the names of its images, and other fields, which are
    /// ignored.</summary>
    private static Dictionary<string, long> Tracks(DatasetFolder root)
    {
        var tracks = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!File.Exists(root.Under("test_track.txt"))) return tracks;
        foreach (var row in root.Rows("test_track.txt"))
            foreach (var name in row.Fields) tracks.TryAdd(name, row.Line);
        return tracks;
    }

    /// <summary>Vehicle and camera of each image, from a file of elements <c>Item</c>.</summary>
    private static Dictionary<string, (long Identity, long Camera, XElement Item)> Labels(string file)
    {
        var labels = new Dictionary<string, (long, long, XElement)>(StringComparer.Ordinal);
        foreach (var item in Parse(file).Descendants("Item"))
        {
            var name = Field(item, file, "imageName");
            if (!labels.TryAdd(name, (Number(item, file, "vehicleID", ""), Number(item, file, "cameraID", "c"), item)))
                throw Fault(item, file, $"imageName {MessageText.Excerpt(name)} appears twice.");
        }
        return labels.Count > 0 ? labels : throw new InvalidDataException($"{file} has no elements Item.");
    }

    private static XDocument Parse(string file)
    {
        // The files name the encoding gb2312, which .NET does not have. Only the ASCII characters in them matter.
        using var text = new StreamReader(file, Encoding.Latin1);
        using var reader = XmlReader.Create(text, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit });
        try
        {
            return XDocument.Load(reader, LoadOptions.SetLineInfo);
        }
        catch (XmlException e)
        {
            throw new InvalidDataException($"{file} is not valid XML: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    private static string Field(XElement item, string file, string name) =>
        item.Attribute(name)?.Value ?? throw Fault(item, file, $"an item has no {name}.");

    private static long Number(XElement item, string file, string name, string prefix)
    {
        var text = Field(item, file, name);
        var digits = text.StartsWith(prefix, StringComparison.Ordinal) ? text.AsSpan(prefix.Length) : text;
        return ListRow.Digits(digits)
            ?? throw Fault(item, file, $"{name} must look like {prefix}001, got \"{MessageText.Excerpt(text)}\".");
    }

    private static InvalidDataException Fault(XElement item, string file, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{file}, line {((IXmlLineInfo)item).LineNumber}: {MessageText.Message(what)}"));
}
