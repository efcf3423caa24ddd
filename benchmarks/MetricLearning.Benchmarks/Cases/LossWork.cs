using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>A partner as a loss of embeddings, labels and the learned parameters of the loss. It is created anew for each case, because
/// some partners keep state.</summary>
internal delegate Func<Tensor, Tensor, Tensor[], Tensor> LossPartner();

/// <summary>Cases of a loss on a batch with labels: forward, and forward with backward.</summary>
internal static class LossWork
{
    public const string Category = "losses";

    private static readonly HashSet<string> guarded =
    [
        "batch-hard triplet (fast-reid) forward + backward, 64 x 2048", "batch-hard triplet (fast-reid) forward + backward, 1024 x 512",
        "batch-hard triplet (fast-reid) forward + backward, 4096 x 512", "batch-hard triplet (PML) forward + backward, 1024 x 512",
        "semi-hard triplet (Keras) forward + backward, 256 x 512", "multi-similarity, mined forward + backward, 1024 x 512",
        "SupCon forward + backward, 1024 x 512", "circle forward + backward, 1024 x 512", "contrastive forward + backward, 1024 x 512",
        "ArcFace forward + backward, 256 x 512",
    ];

    /// <summary>Forward with backward at each size; forward alone at one size, unless a step changes a state.</summary>
    public static IEnumerable<Case> Of(string name, (int Rows, int Width)[] sizes, Agreement agreement,
        Func<nn.Module<Tensor, Tensor, Tensor>> ours, LossPartner naive, bool keepsState = false, int? heavyFrom = null)
    {
        foreach (var (rows, width) in sizes)
            foreach (var backward in new[] { false, true })
            {
                if (!backward && (keepsState || rows != Math.Min(1024, sizes.Max(size => size.Rows)))) continue;
                var (what, shape) = ($"{name} {(backward ? "forward + backward" : "forward")}", $"{rows} x {width}");
                yield return new(Category, what, shape, device => Make(device, rows, width, backward, ours, naive()))
                {
                    Agreement = agreement,
                    Guarded = guarded.Contains($"{what}, {shape}"),
                    Heavy = rows >= heavyFrom,
                };
            }
    }

    private static Work Make(Device device, int rows, int width, bool backward,
        Func<nn.Module<Tensor, Tensor, Tensor>> ours, Func<Tensor, Tensor, Tensor[], Tensor> naive)
    {
        var batch = Batch.Of(rows, width, device, gradient: backward);
        var (x, y) = (batch.Embeddings, batch.Labels);
        random.manual_seed(2);
        var loss = ours();
        loss.to(device);
        Tensor[] learned = [.. loss.parameters()];
        Tensor[] leaves = [x, .. learned];
        return new(batch, loss)
        {
            Ours = backward ? Work.Step(() => loss.call(x, y), leaves) : Work.Forward(() => loss.call(x, y)),
            Naive = backward ? Work.Step(() => naive(x, y, learned), leaves) : Work.Forward(() => naive(x, y, learned)),
            Floor = Work.Scoped(() => { using var noGradient = no_grad(); return [x.mm(x.t())]; }),
        };
    }
}
