using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a loss whose documentation allows any number of threads gives each thread the same bits as a single
/// thread.</summary>
[LeavesNoTensors]
public class LossConcurrencyTests
{
    private const int Threads = 8, Calls = 20;

    private const string OneAtATime = "one thread at a time", WhileTraining = OneAtATime + " in training mode";

    public static TheoryData<string> Losses => LossTable.Where(loss => Allowed(loss.GetType()));

    public static TheoryData<string> Modules => [.. ModuleTable.Names.Where(name =>
    {
        using var module = ModuleTable.Create(name);
        return Allowed(module.GetType());
    })];

    [Theory, MemberData(nameof(Losses))]
    public void Loss_GivesEachThreadWhatItGivesAlone(string name)
    {
        using var loss = LossTable.Create(name);
        Run(loss, loss.call);
    }

    [Theory, MemberData(nameof(Modules))]
    public void Module_GivesEachThreadWhatItGivesAlone(string name)
    {
        using var module = ModuleTable.Create(name);
        Run(module, (x, y) => ModuleTable.Call(module, x, y, other: seed => (x.detach().flip(0) * seed).sin()));
    }

    [Fact]
    public void LossesThatKeepState_SaySo()
    {
        Assert.StartsWith(OneAtATime, XmlDocs.ThreadSafety(typeof(CrossBatchMemory)));
        Assert.All([typeof(AdaFaceLoss), typeof(CurricularFaceLoss), typeof(DynamicSoftMarginLoss)],
            type => Assert.StartsWith(WhileTraining, XmlDocs.ThreadSafety(type)));
    }

    private static bool Allowed(Type type) => XmlDocs.ThreadSafety(type) is var said
        && (!said.StartsWith(OneAtATime, StringComparison.Ordinal) || said.StartsWith(WhileTraining, StringComparison.Ordinal));

    private static void Run(nn.Module loss, Func<Tensor, Tensor, Tensor> of)
    {
        if (XmlDocs.ThreadSafety(loss.GetType()).StartsWith(WhileTraining, StringComparison.Ordinal)) loss.eval();
        var batches = Enumerable.Range(0, Threads).Select(seed => Batch(seed)).ToArray();
        var alone = Array.ConvertAll(batches, batch => Bits(of, batch));
        var wrong = 0;
        Exception? thrown = null;
        using var start = new Barrier(Threads);
        var threads = Enumerable.Range(0, Threads).Select(i => new Thread(() =>
        {
            try
            {
                // On a thread for which libtorch has no thread count, a product uses all cores and adds in another order.
                set_num_threads(get_num_threads());
                start.SignalAndWait();
                for (var call = 0; call < Calls; call++)
                {
                    var which = (i + call) % Threads;
                    if (!Bits(of, batches[which]).AsSpan().SequenceEqual(alone[which])) Interlocked.Increment(ref wrong);
                }
            }
            catch (Exception error)
            {
                thrown = error;
            }
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Null(thrown);
        Assert.Equal(0, wrong);
    }

    private static (float[] Rows, long[] Labels) Batch(int seed)
    {
        using var scope = NewDisposeScope();
        return (LossTable.Random(seed, 24, LossTable.Dimension).to(ScalarType.Float32).data<float>().ToArray(),
            [.. Enumerable.Range(0, 24).Select(row => (row * 7L + seed) % 5)]);
    }

    /// <summary>The value and the gradient of the rows.</summary>
    private static byte[] Bits(Func<Tensor, Tensor, Tensor> of, (float[] Rows, long[] Labels) batch)
    {
        using var scope = NewDisposeScope();
        // This makes a copy in libtorch's memory. A tensor of an array is in managed memory, and the rounding of libtorch's products
        // depends on the alignment.
        var x = tensor(batch.Rows).view(24, LossTable.Dimension).clone().requires_grad_();
        var value = of(x, tensor(batch.Labels));
        // Only the gradient of the rows is taken, because all threads share the gradients of learned parameters.
        var gradient = autograd.grad([value], [x])[0];
        return [.. value.bytes, .. gradient.contiguous().bytes];
    }
}
