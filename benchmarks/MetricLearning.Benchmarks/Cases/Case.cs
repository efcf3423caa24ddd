using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>A case of the suite: a kind of work at one size. Its name identifies it in measurements, checks and reports.</summary>
/// <param name="Category">The table to which it belongs.</param>
/// <param name="What">The work.</param>
/// <param name="Shape">The size of the work.</param>
/// <param name="Create">Creates the inputs of the work on a device. They are the same on each call.</param>
internal sealed record Case(string Category, string What, string Shape, Func<Device, Work> Create)
{
    /// <summary>The name under which it is recorded.</summary>
    public string Name => $"{Category}: {What}, {Shape}";

    /// <summary>Whether the guard measures it.</summary>
    public bool Guarded { get; init; }

    /// <summary>The factor by which its ratios may be worse than recorded before the guard fails. docs/benchmark-method.md says how it was
    /// chosen.</summary>
    public double Margin { get; init; } = 1.5;

    /// <summary>The name of <see cref="Work.Floor"/>.</summary>
    public string Floor { get; init; } = "mm";

    /// <summary>Whether it needs gigabytes or minutes and runs only with --heavy.</summary>
    public bool Heavy { get; init; }

    /// <summary>The number of times that each way is timed, for cases whose run takes a minute; null for the usual number of
    /// rounds.</summary>
    public int? Rounds { get; init; }

    /// <summary>How closely the results of the ways must agree. Default: up to rounding.</summary>
    public Agreement Agreement { get; init; } = Agreement.Rounding;

    public override string ToString() => Name;
}
