using static TorchSharp.torch;

namespace MetricLearning.Benchmarks.Naive;

/// <summary>k-reciprocal re-ranking as the paper's Python code does it: (Q + G)² matrices, sorted completely, with loops over
/// rows.</summary>
internal static class Reranking
{
    /// <summary>float32 [Q, G].</summary>
    public static Tensor KReciprocal(Tensor query, Tensor gallery, int k1 = 20, int k2 = 6, double lambda = 0.3)
    {
        var (q, all) = ((int)query.size(0), (int)(query.size(0) + gallery.size(0)));
        var features = cat([query, gallery]);
        var original = Distances.EuclideanSquared(features, features);
        original = (original / original.amax([0])).t().contiguous();
        var width = k1 + 1;
        var ranks = original.argsort(1).narrow(1, 0, width).contiguous().data<long>().ToArray();
        var half = (int)Math.Round(k1 / 2.0) + 1;
        var v = zeros(all, all);
        for (var i = 0; i < all; i++)
        {
            using var scope = NewDisposeScope();
            var own = Reciprocal(i, width);
            var expanded = own.ToList();
            foreach (var candidate in own)
            {
                var others = Reciprocal((int)candidate, half);
                if (others.Intersect(own).Count() > 2.0 / 3 * others.Length) expanded.AddRange(others);
            }
            var members = tensor(expanded.Distinct().Order().ToArray());
            var weights = (-original[i][members]).exp();
            v[i].index_copy_(0, members, weights / weights.sum());
        }
        if (k2 > 1)
        {
            var averaged = new Tensor[all];
            for (var i = 0; i < all; i++)
            {
                using var scope = NewDisposeScope();
                averaged[i] = v[tensor(ranks[(i * width)..(i * width + k2)])].mean([0]).MoveToOuterDisposeScope();
            }
            v = stack(averaged);
        }
        var indices = new Tensor[all];
        for (var i = 0; i < all; i++) indices[i] = where(v.select(1, i) != 0)[0];
        var jaccard = zeros(q, all);
        for (var i = 0; i < q; i++)
        {
            using var scope = NewDisposeScope();
            var minima = zeros(all);
            foreach (var column in where(v[i] != 0)[0].data<long>().ToArray())
            {
                using var step = NewDisposeScope();
                var rows = indices[column];
                minima.index_add_(0, rows, minimum(v[i, column], v.select(1, column)[rows]), 1);
            }
            jaccard[i].copy_(1 - minima / (2 - minima));
        }
        return (jaccard * (1 - lambda) + original.narrow(0, 0, q) * lambda).narrow(1, q, all - q).contiguous();

        long[] Reciprocal(int row, int k) =>
            [.. Row(row, k).ToArray().Where(other => Row((int)other, k).Contains(row))];

        ReadOnlySpan<long> Row(int row, int k) => ranks.AsSpan(row * width, k);
    }
}
