using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The step of Adam and AdamW for one parameter: θ ← θ − lr · m̂ / (√v̂ + ε). With AMSGrad, v̂ is the largest so far.</summary>
/// <remarks>
/// For float32 on the CPU it takes one pass over the memory. Plain tensor operations take ten, and allocate two tensors. Each number goes
/// through the same operations in the same order as in libtorch's kernels. Only the square root may differ, by one bit: here it is rounded
/// correctly, in libtorch it is not. The bits do not depend on the number of threads.
/// </remarks>
internal sealed unsafe class AdamStep
{
    private const int EntriesPerTask = 1 << 15;

    private readonly double beta1, beta2, epsilon, decay, shrink, correction, rate;
    private readonly bool maximize;

    /// <param name="step">The number of this step, from 1.</param>
    /// <param name="learningRate">lr.</param>
    /// <param name="beta1">β₁, of the mean of the gradients.</param>
    /// <param name="beta2">β₂, of the mean of their squares.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="weightDecay">The weight decay.</param>
    /// <param name="decoupled">Whether the decay shrinks the weights directly (AdamW) or is added to the gradient (Adam).</param>
    /// <param name="maximize">Whether the step goes up the gradient.</param>
    public AdamStep(long step, double learningRate, double beta1, double beta2, double epsilon, double weightDecay, bool decoupled,
        bool maximize)
    {
        (this.beta1, this.beta2, this.epsilon, this.maximize) = (beta1, beta2, epsilon, maximize);
        (decay, shrink) = decoupled ? (0.0, 1 - learningRate * weightDecay) : (weightDecay, 1.0);
        (correction, rate) = (Math.Sqrt(1 - Math.Pow(beta2, step)), learningRate / (1 - Math.Pow(beta1, step)));
    }

    /// <summary>Makes the step.</summary>
    /// <param name="parameter">θ.</param>
    /// <param name="gradient">Its gradient.</param>
    /// <param name="mean">m.</param>
    /// <param name="squares">v.</param>
    /// <param name="largest">The largest v so far, with AMSGrad; else null.</param>
    public void Apply(Tensor parameter, Tensor gradient, Tensor mean, Tensor squares, Tensor? largest)
    {
        Tensor[] all = largest is null ? [parameter, gradient, mean, squares] : [parameter, gradient, mean, squares, largest];
        if (InOnePass(all) is not { } memory)
        {
            ApplyPlain(parameter, gradient, mean, squares, largest);
            return;
        }
        var count = parameter.numel();
        var (x, g, m, v) = (AddressOf(memory[0]), AddressOf(memory[1]), AddressOf(memory[2]), AddressOf(memory[3]));
        var greatest = largest is null ? 0 : AddressOf(memory[4]);
        Threads.For((int)((count + EntriesPerTask - 1) / EntriesPerTask), task =>
        {
            var start = (long)task * EntriesPerTask;
            Update((float*)x + start, (float*)g + start, (float*)m + start, (float*)v + start,
                largest is null ? null : (float*)greatest + start, (int)Math.Min(EntriesPerTask, count - start));
        }, work: count);
        MarkAsChanged(parameter);
    }

    /// <summary>Makes the step by operations of libtorch, for all types and devices.</summary>
    private void ApplyPlain(Tensor parameter, Tensor gradient, Tensor mean, Tensor squares, Tensor? largest)
    {
        if (maximize) gradient = gradient.neg();
        if (shrink != 1) parameter.mul_(S(shrink));
        if (decay != 0) gradient = gradient.add(parameter, S(decay));
        mean.mul_(S(beta1)).add_(gradient, S(1 - beta1));
        squares.mul_(S(beta2)).addcmul_(gradient, gradient, S(1 - beta2));
        if (largest is not null) largest.copy_(maximum(largest, squares));
        var root = (largest ?? squares).sqrt().div_(S(correction)).add_(S(epsilon), S(1));
        parameter.addcdiv_(mean, root, S(-rate));
    }

    /// <summary>The tensors in the order of their memory, if all are float32 on the CPU and store their entries in one order without gaps;
    /// else null.</summary>
    private static Tensor[]? InOnePass(Tensor[] tensors)
    {
        if (!Fma.IsSupported || tensors.Any(tensor => tensor.device_type != TorchSharp.DeviceType.CPU
            || tensor.dtype != ScalarType.Float32 || tensor.dim() == 0 || tensor.numel() == 0)) return null;
        if (tensors.All(tensor => tensor.is_contiguous())) return tensors;
        if (tensors.Any(tensor => tensor.dim() != 4)) return null;
        var channelsLast = Array.ConvertAll(tensors, tensor => tensor.permute(0, 2, 3, 1));
        return channelsLast.All(tensor => tensor.is_contiguous()) ? channelsLast : null;
    }

    /// <summary>Tells autograd that the values have changed, as each in-place operation of libtorch does. A backward pass through a graph
    /// that holds the old values then throws.</summary>
    private static void MarkAsChanged(Tensor parameter) => parameter.narrow(0, 0, 0).zero_();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Update(float* parameter, float* gradient, float* mean, float* squares, float* largest, int count)
    {
        Vector256<float> keep1 = Of(beta1), new1 = Of(1 - beta1), keep2 = Of(beta2), new2 = Of(1 - beta2);
        Vector256<float> pull = Of(decay), less = Of(shrink), root = Of(correction), small = Of(epsilon), times = Of(-rate);
        var sign = maximize ? Of(-0.0) : Vector256<float>.Zero;
        for (var i = 0; i < count; i += Vector256<float>.Count)
        {
            var x = SimdRows.Load(parameter, i, count);
            if (shrink != 1) x *= less;
            var g = SimdRows.Load(gradient, i, count) ^ sign;
            if (decay != 0) g = Fma.MultiplyAdd(x, pull, g);
            var m = Fma.MultiplyAdd(g, new1, SimdRows.Load(mean, i, count) * keep1);
            var v = Fma.MultiplyAdd(new2 * g, g, SimdRows.Load(squares, i, count) * keep2);
            SimdRows.Store(mean, i, count, m);
            SimdRows.Store(squares, i, count, v);
            if (largest is not null)
            {
                var before = SimdRows.Load(largest, i, count);
                v = Vector256.ConditionalSelect(Vector256.GreaterThan(v, before) | ~Vector256.Equals(v, v), v, before);
                SimdRows.Store(largest, i, count, v);
            }
            SimdRows.Store(parameter, i, count, x + times * m / (Vector256.Sqrt(v) / root + small));
        }
    }

    private static nint AddressOf(Tensor tensor) => (nint)TensorMemory.Of(tensor);

    private static Vector256<float> Of(double value) => Vector256.Create((float)value);
}
