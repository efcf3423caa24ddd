using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>A row of the suite: work of a kind and a size, which is measured, checked and reported by its name.</summary>
/// <param name="Category">Which table it belongs to.</param>
/// <param name="What">What is done.</param>
/// <param name="Shape">How much of it.</param>
/// <param name="Create">Makes its inputs on a device, the same each time.</param>
internal sealed record Case(string Category, string What, string Shape, Func<Device, Work> Create)
{
    /// <summary>The name that it is recorded under.</summary>
    public string Name => $"{Category}: {What}, {Shape}";

    /// <summary>Whether the guard measures it.</summary>
    public bool Guarded { get; init; }

    /// <summary>How much worse than recorded the guard lets its ratios be; see docs/benchmarks.md for how it was chosen.</summary>
    public double Margin { get; init; } = 1.5;

    /// <summary>What <see cref="Work.Floor"/> is.</summary>
    public string Floor { get; init; } = "mm";

    /// <summary>Whether it takes gigabytes or minutes, so that it is left out unless --heavy asks for it.</summary>
    public bool Heavy { get; init; }

    /// <summary>How often each way is timed where once takes a minute; null for the usual number of rounds.</summary>
    public int? Rounds { get; init; }

    /// <summary>How the results of the ways compare; to rounding, by default.</summary>
    public Agreement Agreement { get; init; } = Agreement.Rounding;

    public override string ToString() => Name;
}
