namespace MetricLearning.Tests;

public class EarlyStopTests
{
    [Fact]
    public void ItStops_AfterAsManyScoresAsItIsPatient()
    {
        var stop = new EarlyStop(patience: 2, minimumDelta: 0.1);
        Assert.Null(stop.PlaceOfBest);
        Assert.False(stop.Add(double.NaN));
        Assert.False(stop.Add(0.5));
        Assert.False(stop.Add(0.55));       // not better by enough
        Assert.False(stop.Add(0.7));
        Assert.False(stop.Add(0.75));
        Assert.True(stop.Add(double.NaN));
        Assert.Equal((0.7, 3L, 2L), (stop.Best, stop.PlaceOfBest, stop.SinceBest));
    }

    [Fact]
    public void LowerCanBeBetter()
    {
        var stop = new EarlyStop(patience: 1, lowerIsBetter: true);
        Assert.False(stop.Add(2));
        Assert.False(stop.Add(1));
        Assert.True(stop.Add(1));
    }

    [Fact]
    public void ItsStateGoesOn_AndImpossibleStatesAreRefused()
    {
        var stop = new EarlyStop(patience: 3);
        foreach (var score in new[] { 0.1, 0.4, 0.3, 0.2 }) stop.Add(score);
        var resumed = new EarlyStop(patience: 3);
        resumed.LoadState(stop.SaveState());
        Assert.Equal((stop.Best, stop.PlaceOfBest, stop.SinceBest), (resumed.Best, resumed.PlaceOfBest, resumed.SinceBest));
        Assert.True(resumed.Add(0.4));
        var state = new Dictionary<string, double>(stop.SaveState()) { ["since best"] = 9 };
        Assert.Throws<ArgumentException>(() => resumed.CheckState(state));
        Assert.Throws<ArgumentException>(() => resumed.CheckState(new Dictionary<string, double>()));
    }
}
