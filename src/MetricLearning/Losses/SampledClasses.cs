using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Trains the vectors of very many classes a few at a time: the classes of the batch, and others drawn at random.</summary>
/// <remarks>
/// <code>
/// using var loss = new CosFaceLoss(1_000_000, 512) { Sampled = new SampledClasses(100_000) };
/// loss.call(embeddings, labels).backward();
/// optimizer.SafeStep();                      // the network
/// loss.Sampled!.Step(learningRate: 0.1);     // the vectors of the drawn classes
/// </code>
/// The gradients of several backward passes add up until <see cref="Step"/>, like the gradients of other parameters. With gradient
/// accumulation, call <see cref="Step"/> once for each step of the optimizer. Only the drawn rows are multiplied, get a gradient and are
/// updated (SGD with momentum and weight decay on these rows). So time and memory of a step depend on the number of drawn classes; a
/// gradient of [C, D] is never made. The vectors themselves do not require a gradient, so other optimizers do not change them. In
/// evaluation mode all classes count. The draws use torch's random numbers on the device of the vectors. The momentum is a buffer: it moves
/// and is saved with the loss. Save a checkpoint after <see cref="Step"/>: between a backward pass and <see cref="Step"/>, saving throws.
/// Loading drops gradients that <see cref="Step"/> has not applied. An et al., <i>Partial FC</i>, ICCV Workshops 2021.
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class SampledClasses : nn.Module
{
    // This is a function, because TorchSharp would register a field of a module type as a submodule.
    private Func<ClassLoss>? owner;
    private readonly List<(Tensor Rows, Tensor Vectors)> drawn = [];    // since the last step

    /// <summary>Sets how many classes are drawn and how they are trained.</summary>
    /// <param name="count">The number of classes that a step uses, at least 1. The classes of the batch are always among them, even if
    /// there are more of them. If the batch has more rows than this number, as many classes as rows are drawn (at most all
    /// classes).</param>
    /// <param name="momentum">The momentum, in [0, 1). It takes as much memory as the vectors unless it is 0. Default: 0.9.</param>
    /// <param name="weightDecay">The weight decay, 0 or greater. Default: 0.0005.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public SampledClasses(long count, double momentum = 0.9, double weightDecay = 5e-4) : base(nameof(SampledClasses)) =>
        (Count, Momentum, WeightDecay) = (Guard.AtLeast(count, 1), Guard.HalfOpen(momentum, 0, 1), Guard.NotNegative(weightDecay));

    /// <summary>The number of classes that a step uses, or the number of rows of the batch if that is greater.</summary>
    public long Count { get; }

    /// <summary>The factor by which a row's velocity enters its next step.</summary>
    public double Momentum { get; }

    /// <summary>The factor by which a row is added to its gradient.</summary>
    public double WeightDecay { get; }

    /// <summary>The largest number of backward passes whose gradients may add up until <see cref="Step"/>, at least 1. A further draw
    /// throws an <see cref="InvalidOperationException"/>, because a call of <see cref="Step"/> was probably forgotten. Default:
    /// 64.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int MaxAccumulatedPasses { get; init => field = Guard.AtLeast(value, 1); } = 64;

    /// <summary>Updates the class vectors that were drawn since the last step, with the sum of their gradients. Without a gradient it does
    /// nothing.</summary>
    /// <param name="learningRate">The learning rate, 0 or greater.</param>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is below 0 or not finite.</exception>
    public void Step(double learningRate)
    {
        Guard.InUse(this);
        Guard.NotNegative(learningRate);
        using (no_grad())
        using (NewDisposeScope())
            if (SummedGradient() is var (rows, gradient))
            {
                var weights = owner!().Weights;
                var vectors = weights.index_select(0, rows);
                gradient = gradient.Plus(S(WeightDecay) * vectors);
                if (Momentum > 0)
                {
                    var velocity = get_buffer(VelocityName)!;
                    gradient = gradient.Plus(S(Momentum) * velocity.index_select(0, rows));
                    velocity.index_copy_(0, rows, gradient);
                }
                weights.index_copy_(0, rows, vectors - S(learningRate) * gradient);
            }
        DiscardGradients();
    }

    /// <summary>The rows that have a gradient, each once, and the sum of the gradients of each; null if there are none.</summary>
    private (Tensor Rows, Tensor Gradient)? SummedGradient()
    {
        var parts = drawn.FindAll(HasGradient);
        if (parts.Count == 0) return null;
        var (rows, places, _) = cat([.. parts.Select(part => part.Rows)]).unique(return_inverse: true);
        var gradients = cat([.. parts.Select(part => part.Vectors.grad!)]);
        return (rows, zeros(rows.size(0), gradients.size(1), gradients.dtype, gradients.device).index_add(0, places!, gradients, S(1)));
    }

    /// <summary>Attaches this object to a loss, whose vectors it then trains.</summary>
    internal void Attach(ClassLoss loss)
    {
        Guard.InUse(this);
        if (owner is not null) throw new InvalidOperationException("These sampled classes already belong to another loss.");
        owner = () => loss;
        loss.Weights.requires_grad_(false);
        if (Momentum > 0) register_buffer(VelocityName, zeros_like(loss.Weights).DetachFromDisposeScope());
    }

    /// <summary>Draws classes for a batch. Returns their vectors as a new leaf tensor, and the labels as positions among the drawn
    /// classes.</summary>
    internal (Tensor Vectors, Tensor Labels) Draw(Tensor labels)
    {
        if (is_grad_enabled()) RequirePlace();
        var loss = owner!();
        var count = (int)Math.Min(loss.Classes, Math.Max(Count, labels.size(0)));
        var order = rand(loss.Classes, ScalarType.Float32, labels.device).index_fill_(0, labels, S(2));
        var chosen = order.topk(count).indexes.sort().Values;
        var rows = (chosen.unsqueeze(1) * S(loss.CentersPerClass)).Plus(Iota(loss.CentersPerClass, labels.device)).reshape(-1);
        var vectors = loss.Weights.detach().index_select(0, rows);
        if (is_grad_enabled())
        {
            drawn.Add((rows.DetachFromDisposeScope(), vectors.requires_grad_().DetachFromDisposeScope()));
            StateChanges.OnFailure(() =>
            {
                // A later draw of the same call may have replaced it.
                if (drawn.FindIndex(part => ReferenceEquals(part.Vectors, vectors)) is var place and >= 0) FreeAt(place);
            });
        }
        return (vectors, searchsorted(chosen, labels));
    }

    /// <summary>Drops the gradients of the class vectors that were drawn since the last step, as <c>zero_grad()</c> of an optimizer drops
    /// those of its parameters. Call it instead of <see cref="Step"/> to skip a step, for example after a gradient that is not
    /// finite.</summary>
    public void DiscardGradients()
    {
        drawn.ForEach(Free);
        drawn.Clear();
    }

    /// <summary>Divides the gradients of the class vectors that were drawn since the last step.</summary>
    internal void DivideGradients(double divisor)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var gradient in drawn.Select(part => part.Vectors.grad).OfType<Tensor>()) gradient.div_(S(divisor));
    }

    /// <summary>Refuses to be saved while there are gradients that <see cref="Step"/> has not applied.</summary>
    /// <param name="name">The name of the module in the checkpoint.</param>
    internal void RequireStepped(string name)
    {
        if (drawn.Count(HasGradient) is var pending and > 0)
            throw new InvalidOperationException($"The gradients of {MessageText.Counted(pending, "backward pass", "backward passes")} of "
                + $"the sampled classes of '{name}' are not applied yet, and a checkpoint does not hold gradients: save after "
                + $"{nameof(Step)}.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) DiscardGradients();
        base.Dispose(disposing);
    }

    private const string VelocityName = "velocity";

    /// <summary>Makes room for one more draw. If there is none, a draw whose forward pass had no backward pass, as in a validation, is
    /// dropped.</summary>
    private void RequirePlace()
    {
        if (drawn.Count < MaxAccumulatedPasses) return;
        var unused = drawn.FindIndex(part => !HasGradient(part));
        if (unused < 0)
            throw new InvalidOperationException($"The gradients of {drawn.Count} backward passes are not applied: call Step after the "
                + "backward passes of each step, or raise MaxAccumulatedPasses.");
        FreeAt(unused);
    }

    private void FreeAt(int place)
    {
        Free(drawn[place]);
        drawn.RemoveAt(place);
    }

    private static bool HasGradient((Tensor Rows, Tensor Vectors) part)
    {
        using var gradient = part.Vectors.grad;
        return gradient is not null;
    }

    private static void Free((Tensor Rows, Tensor Vectors) part)
    {
        part.Vectors.grad?.Dispose();
        part.Vectors.Dispose();
        part.Rows.Dispose();
    }
}
