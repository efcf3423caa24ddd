using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>A case of a loss: its inputs as leaves, and the comparison of value and gradients, once in float64 and once in
/// float32.</summary>
/// <remarks>
/// A family passes <see cref="Check"/> a function from the inputs to the loss. The gradients of the inputs that it takes by
/// <see cref="Leaf"/> or loads by <see cref="Load"/> are compared with <c>grad_NAME</c> of the case.
/// </remarks>
public sealed class LossCase
{
    private readonly GoldenCase golden;
    private readonly ScalarType dtype;
    private readonly bool peerInFloat32;
    private readonly Dictionary<string, Func<Tensor?>> gradients = [];

    private readonly List<IDisposable> kept = [];

    private LossCase(GoldenCase golden, ScalarType dtype, bool peerInFloat32) =>
        (this.golden, this.dtype, this.peerInFloat32) = (golden, dtype, peerInFloat32);

    /// <summary>The input "embeddings".</summary>
    public Tensor Embeddings => Leaf("embeddings");

    /// <summary>The input "labels".</summary>
    public Tensor Labels => golden.Input("labels");

    /// <summary>An input whose gradient is compared.</summary>
    public Tensor Leaf(string name)
    {
        var leaf = golden.Input(name).to(dtype).requires_grad_();
        gradients[name] = () => leaf.grad;
        return leaf;
    }

    /// <summary>The size of a dimension of an input.</summary>
    public int Size(string name, int dimension) => (int)golden.Input(name).size(dimension);

    /// <summary>A loss with learned parameters, kept until the comparison is over.</summary>
    public T Keep<T>(T loss) where T : IDisposable
    {
        kept.Add(loss);
        return loss;
    }

    /// <summary>Copies an input into a learned parameter of a loss, whose gradient is then compared. It is transposed if the peer stores it
    /// transposed.</summary>
    public void Load(string name, Parameter parameter, bool transposed = false)
    {
        using (no_grad())
            parameter.copy_(transposed ? golden.Input(name).t() : golden.Input(name));
        gradients[name] = () => transposed ? parameter.grad?.t() : parameter.grad;
    }

    /// <summary>
    /// Compares a loss with the case. In float64 the value and the gradients must agree to 1e-6, in float32 to 1e-5 or three times the
    /// error of the peer's own float32 run. If the peer raises or gives NaN, ours must have the value that <see cref="PeerDefects"/>
    /// states, and finite gradients. If only the peer's gradient or its float32 result is NaN, ours must be finite.
    /// </summary>
    /// <param name="golden">The case.</param>
    /// <param name="loss">The loss from the inputs.</param>
    /// <param name="peerInFloat32">Whether the peer computes a part in float32 even for float64 inputs.</param>
    public static Verdict Check(GoldenCase golden, Func<LossCase, Tensor> loss, bool peerInFloat32 = false)
    {
        var verdict = Verdict.Passed;
        foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32 })
        {
            var attempt = new LossCase(golden, dtype, peerInFloat32);
            verdict = attempt.Compare(loss);
            attempt.kept.ForEach(one => one.Dispose());
            if (verdict.Outcome != Outcome.Passed) return verdict;
        }
        return verdict;
    }

    private Verdict Compare(Func<LossCase, Tensor> loss)
    {
        var value = loss(this);
        value.backward();
        var got = value.to(ScalarType.Float64).item<double>();
        var expected = golden.ExpectedNumber("loss");
        if (golden.Raises is not null || expected is null or double.NaN)
        {
            var (stated, reason) = PeerDefects.Of(golden);
            return !Finite(got) || (stated is { } policy && got != policy)
                ? Fail($"loss {got}, stated {stated?.ToString("G9", CultureInfo.InvariantCulture) ?? "finite, with finite gradients"}")
                : Verdict.PassedByPolicy(reason);
        }

        var single = Single;
        if (single && golden.ExpectedNumber("loss_f32") is double.NaN)
            return Finite(got) ? Verdict.Passed : Fail($"loss {got} or a gradient that is not finite");
        var peerError = single ? 3 * Math.Abs((golden.ExpectedNumber("loss_f32") ?? expected.Value) - expected.Value) : 0;
        if (!(Math.Abs(got - expected.Value) <= Math.Max(Base, peerError) * Math.Max(1, Math.Abs(expected.Value))))
            return Fail($"loss {got:G9}, expected {expected:G9}");

        foreach (var (name, gradient) in gradients)
        {
            if (!golden.HasOutput("grad_" + name)) continue;
            var want = golden.Output("grad_" + name).to(ScalarType.Float64);
            var have = gradient()?.to(ScalarType.Float64) ?? zeros_like(want);
            if (!have.isfinite().all().item<bool>()) return Fail($"grad_{name} is not finite");
            want = where(want.isnan(), have, want);
            var off = (have - want).abs().max().item<double>();
            var peer = single ? 3 * (golden.ExpectedNumber("grad_f32_max_abs_diff") ?? 0) : 0;
            if (!(off <= Math.Max(Base * Math.Max(1, want.abs().max().item<double>()), peer))) return Fail($"grad_{name} off by {off:G3}");
        }
        return Verdict.Passed;
    }

    private bool Finite(double value) =>
        double.IsFinite(value) && gradients.Values.All(gradient => gradient()?.isfinite().all().item<bool>() ?? true);

    private bool Single => peerInFloat32 || dtype == ScalarType.Float32;

    private double Base => Single ? 1e-5 : 1e-6;

    private Verdict Fail(FormattableString what) => Verdict.Failed($"{what.ToString(CultureInfo.InvariantCulture)} in {dtype}");
}
