namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that watch torch's generator. All threads draw from one, so no other test may run beside these.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class AloneCollection
{
    public const string Name = "alone";
}
