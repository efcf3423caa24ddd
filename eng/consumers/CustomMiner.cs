// A miner of one's own, written against the package alone. Its tuples go to a loss of the library.
using MetricLearning;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

random.manual_seed(1);
using var embeddings = randn(12, 8, requires_grad: true);
using var labels = tensor(Enumerable.Range(0, 12).Select(i => i / 3L).ToArray());
var miner = new PairsWithinRadius(radius: 4);
using var tuples = miner.Mine(embeddings, labels);
using var loss = new ContrastiveLoss { Distance = Distance.Euclidean };
using var given = loss.call(embeddings, tuples);
using var mining = new ContrastiveLoss { Distance = Distance.Euclidean, Miner = miner };
using var mined = mining.call(embeddings, labels);
given.backward();
Console.WriteLine(tuples.Count > 0 ? "the miner found pairs" : "no pairs");
Console.WriteLine(Math.Abs(given.item<float>() - mined.item<float>()) < 1e-6f ? "both ways give one value"
    : $"{given.item<float>()} and {mined.item<float>()}");

/// <summary>Keeps the pairs whose distance is at most a radius.</summary>
internal sealed class PairsWithinRadius(double radius) : Miner
{
    protected override Tuples MineCore(Tensor distances, Pairs candidates)
    {
        var near = distances <= S(radius);
        return new Pairs(candidates.Positives & near, candidates.Negatives & near);
    }
}
