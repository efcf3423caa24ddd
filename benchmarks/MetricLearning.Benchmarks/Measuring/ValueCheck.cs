using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Checks that our way and the naive way compute the same result; otherwise their times cannot be compared.</summary>
internal static class ValueCheck
{
    /// <summary>Compares all cases that have a partner.</summary>
    /// <returns>The exit code: 0 if all agree.</returns>
    public static int Run(IReadOnlyList<Case> cases)
    {
        var (compared, failed) = (0, 0);
        foreach (var item in cases)
        {
            using var work = item.Create(Settings.Device);
            if (work.Naive is null) continue;
            compared++;
            if (Compare(item, work) is not { } difference) continue;
            failed++;
            Console.WriteLine($"FAILED  {item.Name}: {difference}");
        }
        Console.WriteLine($"{compared - failed} of {compared} partners give our values and gradients");
        return failed == 0 && compared > 0 ? 0 : 1;
    }

    /// <summary>Describes the difference, or null.</summary>
    public static string? Compare(Case item, Work work)
    {
        if (work.Naive is null) return null;
        using var scope = NewDisposeScope();
        var form = work.Comparable ?? (results => results);
        Tensor[] ours = work.Ours(), naive = work.Naive();
        return item.Agreement.Difference(form(ours), form(naive)) is { } difference
            ? $"the naive partner gives another result: {difference}" : null;
    }
}
