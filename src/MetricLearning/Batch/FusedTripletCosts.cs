using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes the costs of chosen triplets, [K], from Euclidean distances by differences. One pass computes distances, hinge and
/// gradient.</summary>
/// <remarks>It supports float32 and float64 on the CPU. Second derivatives are computed by tensor operations.</remarks>
internal sealed class FusedTripletCosts : autograd.SingleTensorFunction<FusedTripletCosts>
{
    private const string PlanKey = "plan", FactorsKey = "factors";

    /// <inheritdoc/>
    public override string Name => nameof(FusedTripletCosts);

    /// <summary>Computes the costs, with gradient.</summary>
    /// <param name="x">[N, D]; <see cref="SimdRows.Supports"/> must hold.</param>
    /// <param name="y">[M, D]; x itself if the batch has no references.</param>
    /// <param name="triplets">Over N rows and M columns.</param>
    /// <param name="form">The distance as a function of the squared distance.</param>
    /// <param name="hinge">The cost of a triplet.</param>
    public static Tensor Of(Tensor x, Tensor y, Triplets triplets, EuclideanForm form, TripletCost hinge)
    {
        using var scope = NewDisposeScope();
        var right = ReferenceEquals(x, y) ? null : TensorMemory.Contiguous(y);
        return apply(TensorMemory.Contiguous(x), right!, new Plan(triplets.Indices, form, hinge)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, plan) = ((Tensor)vars[0], (Tensor?)vars[1], (Plan)vars[2]);
        var (form, hinge) = (plan.Form, plan.Hinge);
        var squares = RowDifferences.Squares(x, y, plan.Rows.Anchors, plan.Rows.Positives, plan.Rows.Negatives);
        var (near, far) = (squares[0], squares[1]);
        var costs = new double[near.Length];
        for (var k = 0; k < costs.Length; k++)
        {
            var (cost, slope) = hinge.Of(form.Apply(near[k]), form.Apply(far[k]));
            (costs[k], near[k], far[k]) = slope == 0 ? (cost, 0, 0)
                : (cost, hinge.Near * slope * form.GradientFactor(near[k]), -hinge.Far * slope * form.GradientFactor(far[k]));
        }
        ctx.save_for_backward(y is null ? [x] : [x, y]);
        ctx.save_data(PlanKey, plan);
        ctx.save_data(FactorsKey, squares);
        return KernelArrays.ToTensor(costs, x.dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, plan) = (ctx.get_saved_variables(), (Plan)ctx.get_data(PlanKey));
        var (x, y) = (saved[0], saved.Count > 1 ? saved[1] : null);
        Tensor?[] gradients;
        if (is_grad_enabled()) gradients = Gradient.Differentiable(inputs => Plain(inputs[0]!, inputs[1], plan), grad_output, x, y);
        else
        {
            var factors = KernelArrays.Times(grad_output, (double[][])ctx.get_data(FactorsKey));
            gradients = RowDifferences.Gradients(x, y,
                (plan.Rows.Anchors, plan.Rows.Positives, factors[0]), (plan.Rows.Anchors, plan.Rows.Negatives, factors[1]));
        }
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    /// <summary>Computes the same costs by tensor operations.</summary>
    private static Tensor Plain(Tensor x, Tensor? y, Plan plan)
    {
        Tensor To(long[] columns) => SelectedDistances.Plain(x, y ?? x, tensor(plan.Rows.Anchors), tensor(columns), plan.Form);
        return plan.Hinge.Of(To(plan.Rows.Positives), To(plan.Rows.Negatives));
    }

    private sealed record Plan((long[] Anchors, long[] Positives, long[] Negatives) Rows, EuclideanForm Form, TripletCost Hinge);
}
