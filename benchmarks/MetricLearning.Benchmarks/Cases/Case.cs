using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>One case of the suite: work of a kind and a size. It is measured, checked and reported by its name.</summary>
/// <param name="Category">Which table it belongs to.</param>
/// <param name="What">What is done.</param>
/// <param name="Shape">The size of the work.</param>
/// <param name="Create">Makes the work's inputs on a device, the same each time.</param>
internal sealed record Case(string Category, string What, string Shape, Func<Device, Work> Create)
{
    /// <summary>The name under which it is recorded.</summary>
    public string Name => $"{Category}: {What}, {Shape}";

    /// <summary>Whether the guard measures it.</summary>
    public bool Guarded { get; init; }

    /// <summary>By what factor its ratios may be worse than recorded before the guard fails; docs/benchmark-method.md says how it was
    /// chosen.</summary>
    public double Margin { get; init; } = 1.5;

    /// <summary>The name of <see cref="Work.Floor"/>.</summary>
    public string Floor { get; init; } = "mm";

    /// <summary>Whether it needs gigabytes or minutes and runs only with --heavy.</summary>
    public bool Heavy { get; init; }

    /// <summary>How often each way is timed, where one run takes a minute; null for the usual number of rounds.</summary>
    public int? Rounds { get; init; }

    /// <summary>How the results of the ways must agree. Default: up to rounding.</summary>
    public Agreement Agreement { get; init; } = Agreement.Rounding;

    public override string ToString() => Name;
}
