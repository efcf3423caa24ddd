// A loss of one's own, written against the package alone. Its value and gradient are compared with a loop over the triplets.
using MetricLearning;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

random.manual_seed(1);
using var embeddings = randn(12, 8, requires_grad: true);
using var labels = tensor(Enumerable.Range(0, 12).Select(i => i / 3).ToArray());     // int32: widened by the library
using var loss = new SquaredTripletLoss(margin: 0.2) { Miner = new BatchHardMiner() };
using var value = loss.call(embeddings, labels);
value.backward();

// The same by hand: each anchor's farthest positive and nearest negative.
using var distances = Distance.Euclidean.Matrix(embeddings.detach(), embeddings.detach());
var sum = 0.0;
for (var a = 0; a < 12; a++)
{
    var positive = Enumerable.Range(0, 12).Where(i => i != a && i / 3 == a / 3).Max(i => distances[a, i].item<float>());
    var negative = Enumerable.Range(0, 12).Where(i => i / 3 != a / 3).Min(i => distances[a, i].item<float>());
    sum += Math.Pow(Math.Max(0, positive - negative + 0.2), 2) / 12;
}
Console.WriteLine(Math.Abs(value.item<float>() - sum) < 1e-5 ? "the loss is right" : $"the loss is {value.item<float>()}, by hand {sum}");
Console.WriteLine(embeddings.grad is { } gradient && gradient.isfinite().all().item<bool>() ? "the gradient is finite" : "no gradient");

/// <summary>Squared hinge on triplets: <c>max(0, d(a,p) − d(a,n) + m)²</c>.</summary>
internal sealed class SquaredTripletLoss(double margin) : TupleLoss(nameof(SquaredTripletLoss))
{
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var triplets = tuples.AsTriplets();
        var violation = distances[triplets.Anchors, triplets.Positives] - distances[triplets.Anchors, triplets.Negatives] + S(margin);
        yield return new(nn.functional.relu(violation).pow(S(2)), triplets.Anchors);
    }
}
