using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using MetricLearning.Testing;

namespace MetricLearning.Benchmarks;

/// <summary>
/// The recorded figures of one kind of machine: a readable JSON file in benchmarks/results. The guard compares with it, and the report is
/// generated from it.
/// </summary>
internal sealed class Records
{
    /// <summary>The <see cref="WaitPolicy"/> if the environment has none.</summary>
    public const string NoWaitPolicy = "not set";

    private static readonly JsonSerializerOptions format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new FourDigits() },
    };

    /// <summary>The <see cref="WaitPolicy"/> of this process.</summary>
    public static string CurrentWaitPolicy => Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") ?? NoWaitPolicy;

    /// <summary>The machine.</summary>
    public required Machine Machine { get; init; }

    /// <summary>The system, the runtime and the libraries.</summary>
    public required string Versions { get; set; }

    /// <summary>The value of OMP_WAIT_POLICY, which decides whether libtorch's threads spin while they wait.</summary>
    public required string WaitPolicy { get; set; }

    /// <summary>The figures by the names of the cases.</summary>
    public SortedDictionary<string, Measurement> Cases { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The folder of all records.</summary>
    public static string Folder => Path.Combine(Repository.Root, "benchmarks", "results");

    /// <summary>All records, in the order of their files' names.</summary>
    public static IReadOnlyList<Records> All => !Directory.Exists(Folder) ? [] :
        [.. Directory.EnumerateFiles(Folder, "*.json").Order(StringComparer.Ordinal).Select(Read)];

    /// <summary>The records of this machine, or new ones.</summary>
    public static Records OfThisMachine => All.FirstOrDefault(records => records.Machine == Machine.Current)
        ?? new() { Machine = Machine.Current, Versions = "", WaitPolicy = "" };

    /// <summary>Writes the file atomically, so that a run that is stopped keeps what it has measured.</summary>
    /// <returns>Its path.</returns>
    public string Save()
    {
        Versions = Machine.CurrentVersions;
        WaitPolicy = CurrentWaitPolicy;
        Directory.CreateDirectory(Folder);
        var path = Path.Combine(Folder, Machine.FileName);
        File.WriteAllText(path + ".new", JsonSerializer.Serialize(this, format) + "\n");
        File.Move(path + ".new", path, overwrite: true);
        return path;
    }

    private static Records Read(string path) => JsonSerializer.Deserialize<Records>(File.ReadAllText(path), format)
        ?? throw new InvalidDataException($"{path} is empty.");

    /// <summary>Figures with four digits, more than the measurement justifies.</summary>
    private sealed class FourDigits : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
            writer.WriteRawValue(decimal.Parse(FormattableString.Invariant($"{value:G4}"), System.Globalization.NumberStyles.Float,
                System.Globalization.CultureInfo.InvariantCulture).ToString(System.Globalization.CultureInfo.InvariantCulture));
    }
}
