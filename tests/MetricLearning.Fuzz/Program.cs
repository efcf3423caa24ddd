using System.Diagnostics;
using System.Globalization;
using MetricLearning;
using MetricLearning.Fuzz;

const int TellEvery = 60;

var options = new Dictionary<string, string>
{
    ["--minutes"] = "0.5", ["--seed"] = "1", ["--target"] = "", ["--file"] = "", ["--files"] = "0", ["--first"] = "0",
};
if (args.Length % 2 != 0 || args.Where((_, i) => i % 2 == 0).Any(name => !options.ContainsKey(name)))
{
    Console.Error.WriteLine("""
        Reads damaged files with every reader. Each must be read, or refused with an error that names it, in bounded time and memory.
        usage: dotnet run -c Release --project tests/MetricLearning.Fuzz -- [--minutes M] [--seed S] [--target NAME] [--file FILE]
               [--files N] [--first N]
        --files N reads N files with each reader, or stops when the minutes are over. --first N starts at file N.
        A file that shows a fault is kept in the folder fuzz-faults; --target NAME --file FILE reads it again.
        """);
    return 2;
}
for (var i = 0; i < args.Length; i += 2) options[args[i]] = args[i + 1];
var minutes = double.Parse(options["--minutes"], CultureInfo.InvariantCulture);
var seed = ulong.Parse(options["--seed"], CultureInfo.InvariantCulture);

TorchNativeLibrary.EnsureLoaded();
TorchSharp.torch.set_num_threads(1);
var root = Directory.CreateTempSubdirectory("fuzz-").FullName;
try
{
    var targets = Targets.All(root).Where(target => target.Name.Contains(options["--target"], StringComparison.Ordinal)).ToArray();
    if (targets.Length == 0)
    {
        Console.Error.WriteLine($"no reader has a name with '{options["--target"]}' in it; there are "
            + string.Join(", ", Targets.All(root).Select(target => target.Name)));
        return 2;
    }
    if (options["--file"] is { Length: > 0 } again)
    {
        var found = Trial.Run(targets[0], File.ReadAllBytes(again), out var isRefused);
        Console.WriteLine($"{targets[0].Name}: {found ?? (isRefused ? "refused" : "read")}");
        return found is null ? 0 : 1;
    }
    foreach (var target in targets)
        foreach (var good in target.Seeds)
            if (Trial.Run(target, good, out var isRefused) is { } fault || isRefused)
                throw new InvalidOperationException($"{target.Name} does not read a good file.");

    var (watch, told) = (Stopwatch.StartNew(), 0.0);
    var counts = targets.ToDictionary(target => target, _ => (Files: 0L, Refused: 0L, Faults: 0L));
    var (first, most) = (ulong.Parse(options["--first"], CultureInfo.InvariantCulture),
        ulong.Parse(options["--files"], CultureInfo.InvariantCulture));
    var trial = first * (ulong)targets.Length;
    for (var end = most == 0 ? ulong.MaxValue : most * (ulong)targets.Length;
        trial < end && watch.Elapsed.TotalMinutes < minutes; trial++)
    {
        var target = targets[trial % (ulong)targets.Length];
        var random = SeededRandom.ForStream(seed, trial);
        var bytes = Mutations.Of(target.Seeds[random.NextInt(target.Seeds.Length)], target.Packing, random);
        var fault = Trial.Run(target, bytes, out var isRefused);
        var (files, refused, faults) = counts[target];
        counts[target] = (files + 1, refused + (isRefused ? 1 : 0), faults + (fault is null ? 0 : 1));
        if (fault is not null)
        {
            var kept = Path.Combine(Directory.CreateDirectory("fuzz-faults").FullName, $"{target.Name}-{seed}-{trial}");
            File.WriteAllBytes(kept, bytes);
            Console.WriteLine($"FAULT {target.Name}, {kept}: {fault}");
        }
        if (watch.Elapsed.TotalSeconds - told > TellEvery)
        {
            told = watch.Elapsed.TotalSeconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"up to file {trial / (ulong)targets.Length} in {told:0} s"));
        }
    }
    foreach (var (target, (files, refused, faults)) in counts)
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{target.Name,-24} {files,8:N0} files, {refused,8:N0} refused, {faults,4:N0} faults"));
    var all = counts.Values.Sum(count => count.Faults);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{counts.Values.Sum(count => count.Files):N0} files of seed {seed} in {watch.Elapsed.TotalMinutes:0.0} minutes: "
            + $"{all:N0} faults; next: file {trial / (ulong)targets.Length}"));
    return all == 0 ? 0 : 1;
}
finally
{
    Directory.Delete(root, recursive: true);
}
