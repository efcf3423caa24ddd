using MetricLearning.Conformance;

if (args.Length != 1 || !Directory.Exists(args[0]))
{
    Console.Error.WriteLine("""
        Runs reference cases (FAMILY/CASE/case.json and its .npy arrays) against the library.
        usage: dotnet run -c Release --project tests/MetricLearning.Conformance -- DIR
        """);
    return 2;
}

TorchSharp.torch.set_num_threads(1);
var counts = new int[3];
var remarks = new SortedDictionary<string, int>(StringComparer.Ordinal);
foreach (var file in Directory.EnumerateFiles(args[0], "case.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
{
    var golden = new GoldenCase(Path.GetDirectoryName(file)!);
    var verdict = Families.Check(golden);
    counts[(int)verdict.Outcome]++;
    if (verdict.Outcome == Outcome.Failed) Console.WriteLine($"FAILED {golden}: {verdict.Reason}");
    else if (verdict.Reason.Length > 0)
    {
        var remark = $"{(verdict.Outcome == Outcome.Passed ? "by the stated outcome" : "skipped")}, {golden.Family}: {verdict.Reason}";
        remarks[remark] = remarks.GetValueOrDefault(remark) + 1;
    }
}
foreach (var (remark, count) in remarks) Console.WriteLine($"{count} {remark}");
Console.WriteLine($"{counts[(int)Outcome.Passed]} passed, {counts[(int)Outcome.Failed]} failed, {counts[(int)Outcome.Skipped]} skipped");
return counts[(int)Outcome.Failed] > 0 || counts.Sum() == 0 ? 1 : 0;
