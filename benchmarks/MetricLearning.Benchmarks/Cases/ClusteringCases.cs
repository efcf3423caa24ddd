using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>k-means of rows. The floor is one bare product of all rows with the centers.</summary>
internal static class ClusteringCases
{
    public static IEnumerable<Case> All =>
        [Of("rows in overlapping clusters", 60_000, 128, 1_000, clustered: true), Of("noise", 60_000, 128, 1_000, clustered: false)];

    private static Case Of(string what, int rows, int width, int clusters, bool clustered) =>
        new("clustering", $"k-means, {what}", FormattableString.Invariant($"{rows:N0} x {width} into {clusters:N0}"), device =>
        {
            random.manual_seed(1);
            using var scope = NewDisposeScope();
            var centers = randn(clusters, width).to(device);
            var x = randn(rows, width).to(device);
            if (clustered) x += centers[randint(0, clusters, [rows]).to(device)];
            return new(x.MoveToOuterDisposeScope(), centers.MoveToOuterDisposeScope())
            {
                Ours = Work.Scoped(() =>
                {
                    using var result = new KMeans(clusters).Fit(x);
                    return [result.Centers.alias()];
                }),
                Floor = Work.Scoped(() => [x.mm(centers.T)]),
            };
        })
        {
            Floor = "mm, once",
            Heavy = true,
            Rounds = 1,
        };
}
