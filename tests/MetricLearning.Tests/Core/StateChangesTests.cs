using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class StateChangesTests
{
    /// <summary>The call disposes one of the tensors that it changes. The others get their values back, and the error of the call is not
    /// lost.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void AChangeThatCannotBeUndone_LeavesNoOtherChange(bool nested)
    {
        using var scope = NewDisposeScope();
        var (first, gone, last) = (zeros(2), zeros(2), zeros(2));
        var count = 0;
        var error = Assert.Throws<AggregateException>(() => StateChanges.During(() => nested ? StateChanges.During(Call) : Call()));
        Assert.Equal("the batch", (error.Flatten().InnerExceptions[0] as ArgumentException)?.Message);
        Assert.Equal(2, error.Flatten().InnerExceptions.Count);
        Assert.Equal(0, first.sum().item<float>());
        Assert.Equal(0, last.sum().item<float>());
        Assert.Equal(0, count);
        Assert.Equal(1, StateChanges.During(() => 1));

        int Call()
        {
            StateChanges.OnFailure(() => count--);
            count++;
            foreach (var tensor in new[] { first, gone, last })
            {
                StateChanges.Before(tensor);
                tensor.fill_(1);
            }
            gone.Dispose();
            throw new ArgumentException("the batch");
        }
    }

    /// <summary>A report undoes the changes of a call that succeeds. If one cannot be undone, it says so, and the random numbers are drawn
    /// again all the same.</summary>
    [Fact]
    public void AReportThatCannotBeUndone_SaysSo()
    {
        using var scope = NewDisposeScope();
        var kept = zeros(2);
        using var state = get_rng_state();
        Assert.Throws<AggregateException>(() => StateChanges.Undone(() =>
        {
            StateChanges.Before(kept);
            kept.add_(rand(2));
            StateChanges.OnFailure(() => throw new InvalidOperationException("gone"));
            return 0;
        }));
        Assert.Equal(0, kept.sum().item<float>());
        using var after = get_rng_state();
        Assert.Equal(state.data<byte>().ToArray(), after.data<byte>().ToArray());
    }
}
