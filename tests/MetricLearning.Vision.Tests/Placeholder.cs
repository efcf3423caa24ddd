namespace MetricLearning.Vision.Tests;

public class Placeholder { [Fact] public void T() => Assert.True(SeededRandomWorks()); private static bool SeededRandomWorks() => new SeededRandom(3).NextInt(1) == 0; }
