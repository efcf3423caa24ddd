using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Trains the vectors of very many classes a few at a time: the classes of the batch, and others drawn at random.</summary>
/// <remarks>
/// <code>
/// using var loss = new CosFaceLoss(1_000_000, 512) { Sampled = new SampledClasses(100_000) };
/// loss.call(embeddings, labels).backward();
/// optimizer.step();                          // the network
/// loss.Sampled!.Step(learningRate: 0.1);     // the vectors of the drawn classes
/// </code>
/// Only the drawn rows enter the product, get a gradient and are moved (SGD with momentum and weight decay on those rows). So time and
/// memory of a step depend on the number drawn: no gradient of [C, D] is ever made. The vectors themselves take no gradient, so other
/// optimizers do not change them. In evaluation mode all classes count. The draws come from torch's random numbers on the device of the
/// vectors. The momentum is a buffer: it moves and is saved with the loss. An et al., <i>Partial FC</i>, ICCV Workshops 2021.
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class SampledClasses : nn.Module
{
    // A function, because TorchSharp would register a field of a module type as a part of this module.
    private Func<ClassLoss>? owner;
    private (Tensor Rows, Tensor Vectors)? drawn;

    /// <summary>Sets how many classes are drawn and how they are trained.</summary>
    /// <param name="count">The number of classes that a step looks at, at least 1. The classes of the batch are always among them, even
    /// where they are more.</param>
    /// <param name="momentum">In [0, 1); takes as much memory as the vectors unless it is 0. Default: 0.9.</param>
    /// <param name="weightDecay">0 or greater. Default: 0.0005.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public SampledClasses(long count, double momentum = 0.9, double weightDecay = 5e-4) : base(nameof(SampledClasses))
    {
        (Count, Momentum, WeightDecay) = (Guard.AtLeast(count, 1), Guard.Within(momentum, 0, 1), Guard.NotNegative(weightDecay));
        if (momentum == 1) throw new ArgumentOutOfRangeException(nameof(momentum), momentum, "momentum must be less than 1.");
    }

    /// <summary>The number of classes that a step looks at.</summary>
    public long Count { get; }

    /// <summary>The factor by which a row's velocity enters its next step.</summary>
    public double Momentum { get; }

    /// <summary>The factor by which a row is added to its gradient.</summary>
    public double WeightDecay { get; }

    /// <summary>Moves the drawn class vectors by the gradient of the last backward pass. Without a gradient it does nothing.</summary>
    /// <param name="learningRate">0 or greater.</param>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is below 0 or not finite.</exception>
    public void Step(double learningRate)
    {
        Guard.NotNegative(learningRate);
        if (drawn is not { } rows) return;
        using (no_grad())
        using (NewDisposeScope())
        {
            if (rows.Vectors.grad is { } gradient)
            {
                gradient = gradient.Plus(S(WeightDecay) * rows.Vectors);
                if (Momentum > 0)
                {
                    var velocity = get_buffer(VelocityName)!;
                    gradient = gradient.Plus(S(Momentum) * velocity.index_select(0, rows.Rows));
                    velocity.index_copy_(0, rows.Rows, gradient);
                }
                owner!().Weights.index_copy_(0, rows.Rows, rows.Vectors - S(learningRate) * gradient);
            }
        }
        Forget();
    }

    /// <summary>Takes over the training of a loss's vectors.</summary>
    internal void Attach(ClassLoss loss)
    {
        if (owner is not null) throw new InvalidOperationException("These sampled classes belong to another loss already.");
        if (Count > loss.Classes)
            throw new ArgumentException($"count must be at most the {loss.Classes} classes, got {Count}.", nameof(loss));
        owner = () => loss;
        loss.Weights.requires_grad_(false);
        if (Momentum > 0) register_buffer(VelocityName, zeros_like(loss.Weights).DetachFromDisposeScope());
    }

    /// <summary>Draws classes for a batch: their vectors, as a leaf of their own, and the labels as numbers among them.</summary>
    internal (Tensor Vectors, Tensor Labels) Draw(Tensor labels)
    {
        if (is_grad_enabled() && drawn?.Vectors.grad is { } waiting)
        {
            waiting.Dispose();
            throw new InvalidOperationException("The last backward pass waits to be applied: call Step after each backward pass.");
        }
        var loss = owner!();
        var count = (int)Math.Min(loss.Classes, Math.Max(Count, labels.size(0)));
        var order = rand(loss.Classes, ScalarType.Float32, labels.device).index_fill_(0, labels, S(2));
        var chosen = order.topk(count).indexes.sort().Values;
        var rows = (chosen.unsqueeze(1) * S(loss.CentersPerClass)).Plus(Iota(loss.CentersPerClass, labels.device)).reshape(-1);
        var vectors = loss.Weights.detach().index_select(0, rows);
        if (is_grad_enabled())
        {
            Forget();
            drawn = (rows.DetachFromDisposeScope(), vectors.requires_grad_().DetachFromDisposeScope());
        }
        return (vectors, searchsorted(chosen, labels));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Forget();
        base.Dispose(disposing);
    }

    private const string VelocityName = "velocity";

    private void Forget()
    {
        drawn?.Rows.Dispose();
        drawn?.Vectors.Dispose();
        drawn = null;
    }
}
