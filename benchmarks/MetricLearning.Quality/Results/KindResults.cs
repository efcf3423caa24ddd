using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MetricLearning.Testing;

namespace MetricLearning.Quality;

/// <summary>The results of one kind of data: a readable JSON file that is written after each training.</summary>
internal sealed class KindResults
{
    private static readonly JsonSerializerOptions format = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(), new ShortNumbers(), new OneLine<double>(), new OneLine<int>() },
    };

    public required DataKind Kind { get; init; }

    /// <summary>The sizes of the data and the length of a run. Results of different budgets cannot be compared.</summary>
    public required string Budget { get; init; }

    public string Machine { get; set; } = "";
    public string Versions { get; set; } = "";

    /// <summary>The day of the last result.</summary>
    public string Date { get; set; } = "";

    /// <summary>The pictures of the training set.</summary>
    public int TrainPictures { get; set; }

    /// <summary>Its classes.</summary>
    public int TrainClasses { get; set; }

    /// <summary>How many queries each test identity has.</summary>
    public IReadOnlyList<int> Queries { get; set; } = [];

    /// <summary>The results by the names of the entries.</summary>
    public SortedDictionary<string, EntryResult> Entries { get; init => field = new(value, StringComparer.Ordinal); } =
        new(StringComparer.Ordinal);

    public static string PathOf(DataKind kind) =>
        Path.Combine(Repository.Root, "benchmarks", "results", "quality", $"{kind.ToString().ToLowerInvariant()}.json");

    /// <summary>Reads a file; null if there is none.</summary>
    public static KindResults? Read(string path) => !File.Exists(path) ? null
        : JsonSerializer.Deserialize<KindResults>(File.ReadAllText(path), format)
            ?? throw new InvalidDataException($"{path} is empty. Delete it to begin anew.");

    /// <summary>Reads a file to continue it, or creates an empty table if there is none.</summary>
    /// <exception cref="InvalidDataException">The file is of another budget.</exception>
    public static KindResults Continue(string path, DataKind kind, string budget)
    {
        var results = Read(path) ?? new() { Kind = kind, Budget = budget };
        return results.Budget == budget ? results : throw new InvalidDataException(
            $"{path} holds results of another budget ({results.Budget}) than this one ({budget}). Move it away to begin anew.");
    }

    public EntryResult Of(string entry)
    {
        if (!Entries.TryGetValue(entry, out var result)) Entries.Add(entry, result = new());
        return result;
    }

    /// <summary>Writes the file atomically.</summary>
    public void Save(string path)
    {
        var machine = Benchmarks.Machine.Current.Processor;
        if (Machine == "") Machine = machine;
        else if (!Machine.Contains(machine, StringComparison.Ordinal)) Machine = $"{Machine}, later {machine}";      // continued elsewhere
        (Versions, Date) = (Benchmarks.Machine.CurrentVersions, DateTime.UtcNow.ToString("yyyy-MM-dd", null));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream =>
        {
            JsonSerializer.Serialize(stream, this, format);
            stream.WriteByte((byte)'\n');
        });
    }

    /// <summary>Numbers with four digits after the decimal point, more than the measurement justifies.</summary>
    private sealed class ShortNumbers : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(Math.Round(value, 4));
    }

    /// <summary>A list of numbers on one line.</summary>
    private sealed class OneLine<T> : JsonConverter<IReadOnlyList<T>>
    {
        private static readonly JsonSerializerOptions compact = new() { Converters = { new ShortNumbers() } };

        public override IReadOnlyList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<T[]>(ref reader, compact)!;

        public override void Write(Utf8JsonWriter writer, IReadOnlyList<T> value, JsonSerializerOptions options) =>
            writer.WriteRawValue(JsonSerializer.Serialize(value.ToArray(), compact));
    }
}
