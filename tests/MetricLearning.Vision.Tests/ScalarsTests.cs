using MetricLearning.Testing;

namespace MetricLearning.Vision.Tests;

public class ScalarsTests
{
    [Fact]
    public void TheLibraryMakesNoLooseScalars() => Assert.Empty(LooseScalars.In(typeof(ImageLoader).Assembly.GetTypes()));
}
