using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Networks on images of 256 x 128: features, and the gradients of a training step. The partner runs the same layers on images
/// whose channels are planes.</summary>
internal static class NetworkCases
{
    private const int Height = 256, Width = 128;

    public static IEnumerable<Case> All =>
    [
        Features("OSNet x0.25", 16, () => OSNet.X025()),
        Features("OSNet-AIN x0.25", 16, () => OSNet.X025(OSNetVariant.Ain)),
        Features("ResNet-50", 4, () => ResNet.ResNet50()),
        Step("OSNet x0.25", 8, () => OSNet.X025()),
        Step("ResNet-50", 2, () => ResNet.ResNet50()),
    ];

    private static Case Features(string name, int count, Func<Backbone> make) =>
        new("networks", $"features of {name}, by InferenceModel", Shape(count), device =>
        {
            var model = new EmbeddingModel(Made(make, device));
            model.eval();
            var (fast, images) = (new InferenceModel(model, Height, Width), Images(count, device));
            return new(model, fast, images)
            {
                Ours = Work.Of(() => fast.Embed(images)),
                Naive = Work.Forward(() => Naive.Networks.Features(model.Backbone, images)),
                Floor = Work.Of(() => model.Embed(images)),
            };
        })
        {
            Floor = "the model itself",
            Agreement = new(1e-4),          // rounding grows from layer to layer
        };

    private static Case Step(string name, int count, Func<Backbone> make) =>
        new("networks", $"forward + backward of {name}", Shape(count), device =>
        {
            var (backbone, images) = (Made(make, device), Images(count, device));
            Tensor[] leaves = [.. backbone.parameters()];
            return new(backbone, images)
            {
                Ours = Work.Step(() => backbone.call(images).mean([2, 3]).pow(2).mean(), leaves),
                Naive = Work.Step(() => Naive.Networks.Features(backbone, images).pow(2).mean(), leaves),
            };
        })
        {
            // Rounding grows most through batch norms of a few images, and it may switch a ReLU, which changes a row of a gradient.
            Agreement = new(0.1, Rows: 0.99),
        };

    private static string Shape(int count) => $"{count} x 3 x {Height} x {Width}";

    private static Backbone Made(Func<Backbone> make, Device device)
    {
        random.manual_seed(1);
        var backbone = make();
        backbone.to(device);
        return backbone;
    }

    private static Tensor Images(int count, Device device) => randn(count, 3, Height, Width).to(device);
}
