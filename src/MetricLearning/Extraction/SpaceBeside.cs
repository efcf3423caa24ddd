using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning;

/// <summary>The embedding space of a <c>.npy</c> file, which has no room for it. It is in a JSON file next to it, named
/// <c>x.npy.space.json</c>. That file has the length and the checksum of the features, so a file of other features is detected.</summary>
/// <remarks>Errors name the JSON file.</remarks>
internal static class SpaceBeside
{
    private const string LengthKey = "npy_length", ChecksumKey = "npy_crc32";
    private const int LongestText = 1 << 20;

    public static string PathOf(string features) => features + ".space.json";

    /// <summary>Writes the space of features that are in their file already.</summary>
    public static void Write(string features, string space)
    {
        var (length, checksum) = Of(features);
        var json = new JsonObject
        {
            [EmbeddingSpace.MetadataKey] = JsonNode.Parse(space), [LengthKey] = length, [ChecksumKey] = checksum,
        };
        AtomicFile.Write(PathOf(features), stream => stream.Write(Encoding.UTF8.GetBytes(json.ToJsonString() + "\n")));
    }

    /// <summary>The space as JSON; null if there is no such file next to the features.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, or it is of other features.</exception>
    public static string? Read(string features)
    {
        var path = PathOf(features);
        return File.Exists(path) ? InputFile.Read(path, stream =>
        {
            var (space, length, checksum) = Parse(stream);
            if (Of(features) is var now && (now.Length != length || now.Checksum != checksum))
                throw new InvalidDataException($"it belongs to other features than those that {Path.GetFileName(features)} has now: "
                    + "delete it, or write the features again");
            return space;
        }) : null;
    }

    private static (string Space, long Length, string? Checksum) Parse(FileStream stream)
    {
        if (stream.Length > LongestText) throw new InvalidDataException("it is too long for a record of an embedding space");
        try
        {
            var json = JsonNode.Parse(stream)?.AsObject();
            return json?[EmbeddingSpace.MetadataKey] is { } space && json[LengthKey] is { } length
                ? (space.ToJsonString(), (long)length, (string?)json[ChecksumKey])
                : throw new InvalidDataException($"it lacks {EmbeddingSpace.MetadataKey} or {LengthKey}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidDataException($"it cannot be read: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    private static (long Length, string Checksum) Of(string features)
    {
        using var stream = new ChecksumStream(File.OpenRead(features));
        var (buffer, length) = (new byte[1 << 18], 0L);
        for (int count; (count = stream.Read(buffer)) > 0;) length += count;
        return (length, stream.Checksum.ToString("x8", CultureInfo.InvariantCulture));
    }
}
