using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes the gradient of a loss on a large batch in the memory of a small one, at the cost of a second forward pass.</summary>
/// <remarks>
/// <para>The inputs are embedded one chunk at a time without a gradient. The loss of all embeddings gives the gradient of each embedding.
/// Then each chunk is embedded again with a gradient, and its part of the gradient goes through the model's backward pass. The sum equals
/// the gradient of a single pass up to rounding if the model treats each row independently. Batch normalization in training mode does not:
/// it normalizes each chunk by itself and updates its statistics twice.</para>
/// <para>Both passes over a chunk use the same random numbers (for dropout), seeded by one number per chunk from torch's generator.
/// Afterwards torch's CPU generator continues as if only these seeds had been drawn, or none if the call throws.</para>
/// <para>If <c>embed</c> throws in the second pass, for example because memory is short, or if a backward pass throws, some gradients have
/// been added already: call <c>zero_grad()</c> before you try again. The losses of this library are as before the call: a
/// <see cref="CrossBatchMemory"/> has not stored the batch. No tensor is left in any case.</para>
/// <para>The gradient of the loss is propagated when the call returns. So its value cannot be given to
/// <see cref="GradientAccumulation.Backward"/>, and the two cannot be combined.</para>
/// <para>Gao et al., <i>Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup</i>, 2021 (GradCache).</para>
/// <para>Thread safety: one thread at a time; no other thread may draw from torch's generator during a call.</para>
/// <code>
/// var cache = new GradientCache(x =&gt; model.call(x), rowsPerChunk: 32);
/// using var value = cache.Backward(images, embeddings =&gt; loss.call(embeddings, labels));
/// optimizer.SafeStep();
/// </code>
/// </remarks>
public sealed class GradientCache
{
    private readonly Func<Tensor, Tensor> embed;

    /// <summary>Creates a gradient cache for a model.</summary>
    /// <param name="embed">[n, ...] → [n, D]: the model's forward pass. Tensors that it makes are disposed.</param>
    /// <param name="rowsPerChunk">The number of rows that are embedded at a time, at least 1: as many as fit in memory with their
    /// gradient.</param>
    /// <exception cref="ArgumentNullException"><paramref name="embed"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rowsPerChunk"/> is below 1.</exception>
    public GradientCache(Func<Tensor, Tensor> embed, int rowsPerChunk)
    {
        ArgumentNullException.ThrowIfNull(embed);
        (this.embed, RowsPerChunk) = (embed, Guard.AtLeast(rowsPerChunk, 1));
    }

    /// <summary>The number of rows that are embedded at a time.</summary>
    public int RowsPerChunk { get; }

    /// <summary>Computes the loss of a batch, and adds its gradient to the parameters of the model and of the loss.</summary>
    /// <param name="inputs">[N, ...], N at least 1.</param>
    /// <param name="loss">Embeddings [N, D] → a scalar.</param>
    /// <returns>The value without a gradient. The caller disposes it.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The inputs have no row.</exception>
    /// <exception cref="InvalidOperationException">The embeddings have no gradient (for example because all parameters of the model are
    /// frozen, or gradients are switched off) or not a row for each row of a chunk, or the loss is not a scalar that depends on the
    /// embeddings. No gradient has been added.</exception>
    public Tensor Backward(Tensor inputs, Func<Tensor, Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(loss);
        return Backward([inputs], embeddings => loss(embeddings[0]));
    }

    /// <summary>Computes the loss of several batches (two views, or questions and answers), and adds its gradient to the parameters of the
    /// model and of the loss.</summary>
    /// <param name="inputs">At least one batch, each [N, ...] with N at least 1; the same model embeds them all.</param>
    /// <param name="loss">The embeddings of each batch → a scalar.</param>
    /// <returns>The value without a gradient. The caller disposes it.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">There is no batch, or a batch has no row.</exception>
    /// <exception cref="InvalidOperationException">The embeddings have no gradient (for example because all parameters of the model are
    /// frozen, or gradients are switched off) or not a row for each row of a chunk, or the loss is not a scalar that depends on the
    /// embeddings. No gradient has been added.</exception>
    public Tensor Backward(IReadOnlyList<Tensor> inputs, Func<IReadOnlyList<Tensor>, Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(loss);
        foreach (var input in inputs.DefaultIfEmpty())
        {
            if (input is null) throw new ArgumentException("inputs must have rows, got no batch.", nameof(inputs));
            Guard.Alive(input, nameof(inputs));
            if (input.dim() == 0 || input.size(0) == 0)
                throw new ArgumentException($"inputs must have rows, got {Guard.Shape(input)}.", nameof(inputs));
        }
        using var scope = NewDisposeScope();
        var before = get_rng_state();
        var chunks = inputs.Select(Chunks).ToArray();
        var then = get_rng_state();
        try
        {
            var value = StateChanges.During(() => Backward(chunks, loss)).MoveToOuterDisposeScope();
            before = then;
            return value;
        }
        finally
        {
            set_rng_state(before);
        }
    }

    private Tensor Backward((Tensor Rows, long Seed)[][] chunks, Func<IReadOnlyList<Tensor>, Tensor> loss)
    {
        Tensor[] embeddings = [.. chunks.Select(Embeddings)];
        foreach (var rows in embeddings) rows.requires_grad_();
        var value = loss(embeddings) ?? throw new InvalidOperationException("The loss must return a scalar, got null.");
        if (value.numel() != 1 || !value.requires_grad)
            throw new InvalidOperationException($"The loss must be a scalar that depends on the embeddings, got {Guard.Shape(value)}"
                + (value.requires_grad ? "." : " without a gradient."));
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

    /// <summary>The embeddings of a batch, cut off from the model.</summary>
    private Tensor Embeddings((Tensor Rows, long Seed)[] chunks)
    {
        // The first chunk is embedded with a gradient, to check before the loss is computed that there is one.
        var first = Embed(chunks[0]);
        if (!first.requires_grad)
            throw new InvalidOperationException(
                "The embeddings carry no gradient: are all parameters of the model frozen, or are gradients "
                + "switched off (no_grad)?");
        var start = first.detach();
        first.Dispose();
        using var unchanging = no_grad();
        return cat([start, .. chunks.Skip(1).Select(Embed)]);
    }

    private (Tensor Rows, long Seed)[] Chunks(Tensor input) =>
    [
        .. input.split(RowsPerChunk).Select(rows => (rows, randint(long.MaxValue, [1], ScalarType.Int64).item<long>())),
    ];

    private Tensor Embed((Tensor Rows, long Seed) chunk)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(chunk.Seed);
        var rows = embed(chunk.Rows);
        if (rows is null || rows.dim() == 0 || rows.size(0) != chunk.Rows.size(0))
            throw new InvalidOperationException($"embed must return a row for each of the {chunk.Rows.size(0)} rows of its input, got "
                + $"{(rows is null ? "null" : Guard.Shape(rows))}.");
        return rows.MoveToOuterDisposeScope();
    }
}
