using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MetricLearning.Vision;

/// <summary>Reads a classic split of CUHK03 as torchreid writes it.</summary>
internal static partial class Cuhk03ClassicReader
{
    public static DatasetParts Read(string splits, string images, int split, bool testOnly)
    {
        ArgumentException.ThrowIfNullOrEmpty(splits);
        Guard.AtLeast(split, 0);
        if (!File.Exists(splits))
            throw new FileNotFoundException($"There is no file {splits}. CUHK03 (classic) needs {PublishedDataset.Cuhk03Classic.Layout}; " +
                $"its authors provide it at {PublishedDataset.Cuhk03Classic.Source}.", splits);
        var root = new DatasetFolder(PublishedDataset.Cuhk03Classic, images);
        using var document = Parse(splits);
        var all = document.RootElement;
        if (all.ValueKind != JsonValueKind.Array || split >= all.GetArrayLength())
            throw new InvalidDataException(all.ValueKind != JsonValueKind.Array ? $"{splits} is not a JSON list of splits."
                : all.GetArrayLength() == 0 ? $"{splits} has no splits."
                : $"{splits} has splits 0 to {all.GetArrayLength() - 1}, not {split}.");
        ImageList Part(string name)
        {
            if (Member(all[split], name) is not { ValueKind: JsonValueKind.Array } rows)
                throw new InvalidDataException($"{splits}: split {split} has no list {name}.");
            return root.List(rows.EnumerateArray().Select((row, i) => Sample(row, $"{splits}: split {split}, {name}, row {i}", images)),
                true, $"{splits}: split {split}, {name}");
        }
        return new(string.Create(CultureInfo.InvariantCulture, $"CUHK03 split {split}"),
            testOnly ? ImageList.None : Part("train"), Part("query"), Part("gallery"), RetrievalProtocol.Cuhk03,
            PublishedDataset.Cuhk03Classic);
    }

    private static JsonDocument Parse(string file)
    {
        try
        {
            return JsonDocument.Parse(TextLines.All(file));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is not valid JSON: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    private static JsonElement? Member(JsonElement split, string name)
    {
        try
        {
            return split.ValueKind == JsonValueKind.Object && split.TryGetProperty(name, out var member) ? member : null;
        }
        catch (InvalidOperationException)
        {
            // The name of another property has half a surrogate pair.
            return null;
        }
    }

    /// <summary>Reads a row, [path, label, camera]. The labels begin at 0 in each part, so person and view are taken from the
    /// name.</summary>
    private static ImageSample Sample(JsonElement row, string place, string images)
    {
        var path = PathOf(row) ?? throw new InvalidDataException(
            $"{place}: a row must be [path, label, camera], got {MessageText.Excerpt(row.GetRawText())}.");
        var name = path[(path.LastIndexOfAny(['/', '\\']) + 1)..];
        var match = NamePattern().Match(name);
        if (!match.Success)
            throw new InvalidDataException(
                $"{place}: {MessageText.Excerpt(name)} is not named like 1_023_2_05.png (camera pair, person, view, image).");
        long Number(int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
        return new(Path.Combine(images, name), Number(1) * 10_000 + Number(2), Number(3));
    }

    private static string? PathOf(JsonElement row)
    {
        if (row.ValueKind != JsonValueKind.Array || row.GetArrayLength() != 3 || row[0].ValueKind != JsonValueKind.String) return null;
        try
        {
            return row[0].GetString();
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair is not valid text.
            return null;
        }
    }

    [GeneratedRegex(@"^([1-9])_([0-9]{1,4})_([12])_[0-9]+\.[a-zA-Z]+$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
