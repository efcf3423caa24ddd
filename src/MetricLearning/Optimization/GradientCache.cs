using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The gradient of a loss on a huge batch in the memory of a small one, at the price of a second way forward.</summary>
/// <remarks>
/// The inputs are embedded a chunk at a time without a gradient; the loss of all embeddings gives the gradient of each of them; then each
/// chunk is embedded once more and its part of the gradient goes back through the model. Both times a chunk draws the same random numbers
/// (dropout), from seeds that are drawn from torch's generator (which goes on on the CPU as if nothing else had been drawn). The sum is the
/// gradient of one pass to rounding, for models in which rows do not meet: batch norm in training mode normalizes by chunk, and moves its
/// statistics twice. Gao et al., <i>Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup</i>, 2021 (GradCache).
/// <code>
/// var cache = new GradientCache(x =&gt; model.call(x), rowsPerChunk: 32);
/// using var value = cache.Backward(images, embeddings =&gt; loss.call(embeddings, labels));
/// optimizer.step();
/// </code>
/// </remarks>
public sealed class GradientCache
{
    private readonly Func<Tensor, Tensor> embed;

    /// <summary>Takes a model.</summary>
    /// <param name="embed">[n, ...] → [n, D]: the model's way forward. Tensors made in it are freed.</param>
    /// <param name="rowsPerChunk">What fits into memory with a gradient; at least 1.</param>
    public GradientCache(Func<Tensor, Tensor> embed, int rowsPerChunk)
    {
        ArgumentNullException.ThrowIfNull(embed);
        (this.embed, RowsPerChunk) = (embed, Guard.AtLeast(rowsPerChunk, 1));
    }

    /// <summary>The rows that are embedded at a time.</summary>
    public int RowsPerChunk { get; }

    /// <summary>The loss of a batch; its gradient is added to the parameters of the model and of the loss.</summary>
    /// <param name="inputs">[N, ...], N at least 1.</param>
    /// <param name="loss">Embeddings [N, D] → a scalar.</param>
    /// <returns>The value, without a gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There is no row.</exception>
    public Tensor Backward(Tensor inputs, Func<Tensor, Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        return Backward([inputs], embeddings => loss(embeddings[0]));
    }

    /// <summary>The loss of several batches (two views, questions and answers); its gradient is added to the parameters of the model and
    /// of the loss.</summary>
    /// <param name="inputs">Each [N, ...], N at least 1, embedded by the same model.</param>
    /// <param name="loss">The embeddings of each → a scalar.</param>
    /// <returns>The value, without a gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There is no batch, or one without a row.</exception>
    public Tensor Backward(IReadOnlyList<Tensor> inputs, Func<IReadOnlyList<Tensor>, Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(loss);
        foreach (var input in inputs.DefaultIfEmpty())
            if (input is null || input.dim() == 0 || input.size(0) == 0)
                throw new ArgumentException(
                $"inputs must have rows, got {(input is null ? "no batch" : Guard.Shape(input))}.", nameof(inputs));
        using var scope = NewDisposeScope();
        var chunks = inputs.Select(Chunks).ToArray();
        var generator = get_rng_state();
        try
        {
            return Backward(chunks, loss).MoveToOuterDisposeScope();
        }
        finally
        {
            set_rng_state(generator);
        }
    }

    private Tensor Backward((Tensor Rows, long Seed)[][] chunks, Func<IReadOnlyList<Tensor>, Tensor> loss)
    {
        Tensor[] embeddings;
        using (no_grad())
            embeddings = [.. chunks.Select(input => cat([.. input.Select(Embed)]))];
        foreach (var rows in embeddings) rows.requires_grad_();
        var value = loss(embeddings);
        value.backward();
        for (var i = 0; i < chunks.Length; i++)
        {
            if (embeddings[i].grad is not { } gradient) continue;
            var start = 0L;
            foreach (var chunk in chunks[i])
            {
                using var step = NewDisposeScope();
                var rows = Embed(chunk);
                (rows * gradient.narrow(0, start, rows.size(0))).sum().backward();
                start += rows.size(0);
            }
        }
        return value.detach();
    }

    private (Tensor Rows, long Seed)[] Chunks(Tensor input) =>
    [
        .. input.split(RowsPerChunk).Select(rows => (rows, randint(long.MaxValue, [1], ScalarType.Int64).item<long>())),
    ];

    private Tensor Embed((Tensor Rows, long Seed) chunk)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(chunk.Seed);
        return embed(chunk.Rows).MoveToOuterDisposeScope();
    }
}
