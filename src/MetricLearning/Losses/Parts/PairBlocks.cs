using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Gradient checkpointing for values of pairs, where each value needs whole rows of matrices. It computes one block of pairs at a time. The
/// backward pass computes intermediate values again, so the memory is that of one block and does not grow with pairs × columns.
/// </summary>
/// <remarks>If second derivatives are needed, the backward pass computes all pairs at once.</remarks>
internal sealed class PairBlocks : autograd.SingleTensorFunction<PairBlocks>
{
    /// <summary>The largest pairs × columns for which everything is computed at once.</summary>
    private const long FewElements = 1 << 20;

    private const string PlanKey = "plan";

    /// <summary>Computes the values of a block of pairs: the matrices, and the rows and columns of the pairs → [k, ...]. All tensors that
    /// it uses are arguments, because the backward pass calls it again.</summary>
    public delegate Tensor Values(IReadOnlyList<Tensor> matrices, Tensor rows, Tensor columns);

    /// <inheritdoc/>
    public override string Name => nameof(PairBlocks);

    /// <summary>Whether pairs × columns is so large that blocks are worth it.</summary>
    public static bool AreMany(long pairs, long columns) => pairs * columns > FewElements;

    /// <summary>Computes the values of all pairs, [K, ...], with gradient for the matrices that require one.</summary>
    /// <param name="matrices">The tensors that the values need: distances, masks.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    /// <param name="width">The number of columns of a row.</param>
    /// <param name="values">The function. It must not throw.</param>
    /// <param name="fewElements">The largest pairs × columns for which everything is computed at once. A block has at most this size, or
    /// the size of the first matrix if that is larger.</param>
    public static Tensor Map(
        IReadOnlyList<Tensor> matrices, Tensor rows, Tensor columns, long width, Values values, long fewElements = FewElements)
    {
        if (rows.size(0) * width <= fewElements) return values(matrices, rows, columns);
        var plan = new Plan(values, Math.Max(1, Math.Max(fewElements, matrices[0].numel()) / Math.Max(1, width)));
        return apply([plan, rows, columns, .. matrices]);
    }

    /// <summary>Computes for each pair the sum of its values over the columns that a mask keeps, and the number of these columns.</summary>
    /// <param name="matrices">The tensors that the values need.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    /// <param name="width">M.</param>
    /// <param name="values">As in <see cref="Map"/>: values [k, M], and a mask bool [k, M] of the values that count.</param>
    public static LossTerm Sums(IReadOnlyList<Tensor> matrices, Tensor rows, Tensor columns, long width,
        Func<IReadOnlyList<Tensor>, Tensor, Tensor, (Tensor Values, Tensor Kept)> values)
    {
        var sums = Map(matrices, rows, columns, width, (m, r, c) =>
        {
            var (each, kept) = values(m, r, c);
            each = each.masked_fill(kept.logical_not(), S(0));
            return stack([each.sum(1), kept.sum(1).to(each.dtype), (each != S(0)).sum(1).to(each.dtype)], 1);
        });
        Tensor Count(long place) => sums.select(1, place).detach().to(ScalarType.Int64);
        return new(sums.select(1, 0), rows) { Counts = Count(1), ActiveCounts = Count(2) };
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var plan = (Plan)vars[0];
        Tensor[] tensors = [.. vars.Skip(1).Cast<Tensor>()];
        ctx.save_data(PlanKey, plan);
        ctx.save_for_backward([.. tensors]);
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        foreach (var (rows, columns) in plan.Blocks(tensors[0], tensors[1]))
        {
            using var block = NewDisposeScope();
            parts.Add(plan.Values(tensors[2..], rows, columns).MoveToOuterDisposeScope());
        }
        return cat(parts).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var plan = (Plan)ctx.get_data(PlanKey);
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        // If second derivatives are needed, the graph holds all intermediate values, so blocks would save nothing.
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(matrices => plan.Values(matrices!, saved[0], saved[1]), grad_output, [.. saved.Skip(2)])
            : InBlocks(plan, saved, grad_output);
        return Gradient.Return([null, null, null, .. gradients]);
    }

    private static Tensor?[] InBlocks(Plan plan, List<Tensor> saved, Tensor gradOutput)
    {
        Tensor?[] gradients = [.. saved.Skip(2).Select(matrix => matrix.requires_grad ? zeros_like(matrix) : null)];
        int[] wanted = [.. Enumerable.Range(0, gradients.Length).Where(i => gradients[i] is not null)];
        var from = 0L;
        foreach (var (rows, columns) in plan.Blocks(saved[0], saved[1]))
        {
            using var block = NewDisposeScope();
            using var gradient = enable_grad();
            Tensor[] leaves = [.. saved.Skip(2).Select(matrix => matrix.requires_grad ? matrix.detach().requires_grad_() : matrix)];
            var values = plan.Values(leaves, rows, columns);
            var found = autograd.grad([values], [.. wanted.Select(i => leaves[i])], [gradOutput.narrow(0, from, rows.size(0))]);
            from += rows.size(0);
            using var none = no_grad();
            for (var i = 0; i < wanted.Length; i++) gradients[wanted[i]]!.Plus_(found[i]);
        }
        return gradients;
    }

    /// <summary>The function and the size of a block.</summary>
    private sealed record Plan(Values Values, long PairsPerBlock)
    {
        public IEnumerable<(Tensor Rows, Tensor Columns)> Blocks(Tensor rows, Tensor columns)
        {
            for (var from = 0L; from < rows.size(0); from += PairsPerBlock)
            {
                var length = Math.Min(PairsPerBlock, rows.size(0) - from);
                yield return (rows.narrow(0, from, length), columns.narrow(0, from, length));
            }
        }
    }
}
