using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

#pragma warning disable CA1051 // fields are as a snippet sees its locals
/// <summary>Declares the names that the C# of a document uses and does not declare. This code is never run.</summary>
public abstract class SnippetContext
{
    protected Tensor embeddings = null!, labels = null!, images = null!, distances = null!, cameras = null!;
    protected EmbeddingSet query = null!, gallery = null!, set = null!;
    protected RetrievalReport report = null!, a = null!, b = null!;
    protected nn.Module<Tensor, Tensor> model = null!;
    protected MetricLoss recall = null!;
    protected optim.Optimizer optimizer = null!;
    protected int classCount;
    protected string[] args = null!;

    public abstract class Augmentation : SnippetContext
    {
        protected ReIdDataset data = null!;
    }

    public abstract class Concepts : SnippetContext
    {
        protected long[] classLabels = null!;
    }

    public abstract class Datasets : SnippetContext
    {
        protected ReIdDataset market = null!, msmt17 = null!;
        protected ImageList list = null!;
    }

    public abstract class Loading : SnippetContext
    {
        protected new EmbeddingModel model = null!;
        protected ReIdDataset data = null!;
        protected ImageLoader loader = null!;
        protected Dictionary<string, byte[]> blobs = null!;
    }

    public abstract class Evaluation : SnippetContext
    {
        protected Tensor first = null!, second = null!;
        protected double[] ratings = null!;
    }

    public abstract class Losses : SnippetContext
    {
        protected Tensor firstImages = null!, secondImages = null!, ratings = null!;
        protected LossSum sum = null!;
        protected ModelOutput output = null!;
        protected int step;
    }

    public abstract class Onnx : SnippetContext
    {
        protected new EmbeddingModel model = null!;
        protected byte[] picture = null!;
        protected Stream upload = null!;
    }

    public abstract class Recipes : SnippetContext
    {
        protected Tensor teacher = null!;
        protected TrainingCheckpoint checkpoint = null!;

        protected RetrievalReport Evaluate() => throw new NotSupportedException();

        protected EmbeddingSet Extract() => throw new NotSupportedException();

        protected void TrainOn(long[] batch) => throw new NotSupportedException();
    }

    public abstract class Samplers : SnippetContext
    {
        protected new long[] labels = null!;
        protected Sampler sampler = null!;

        protected void Train(long[] batch) => throw new NotSupportedException();

        protected void Step(Tensor inputs, Tensor classes) => throw new NotSupportedException();

        protected Tensor Embed(IReadOnlyList<long> rows) => throw new NotSupportedException();
    }

    public abstract class Safetensors : SnippetContext
    {
        protected new EmbeddingModel model = null!;
    }

    public abstract class Tensorboard : SnippetContext
    {
        protected Sampler sampler = null!;
        protected Tensor inputs = null!;
    }

    public abstract class Search : SnippetContext
    {
        protected MetricLearning.Search.ExactIndex<string> index = null!;
        protected float[] vector = null!;
        protected ReadOnlyMemory<float>[] queries = null!;
        protected IEnumerable<MetricLearning.Search.SearchRow<string>> rows = null!;
        protected IEnumerable<MetricLearning.Search.LabelledPair> pairs = null!;
        protected string fingerprint = null!;
        protected Microsoft.Extensions.DependencyInjection.IServiceCollection services = null!;
        protected EmbeddingSpace space = null!;
        protected IEnumerable<Product> records = null!;
        protected Microsoft.Extensions.VectorData.VectorStoreCollection<string, Product> products = null!;
        protected Microsoft.Extensions.VectorData.VectorStore connector = null!;
        protected MetricLearning.Search.MatchDecision decision = null!;
        protected MetricLearning.Search.ExactSearch<string, Product> search = null!;

        protected Task EmbedAsync(IReadOnlyList<Product> some, CancellationToken stop) => throw new NotSupportedException();

        protected sealed class Product
        {
            public string Id { get; set; } = "";
            public string? Kind { get; set; }
            public double Price { get; set; }
            public long? Model { get; set; }
            public long? Camera { get; set; }
            public ReadOnlyMemory<float> Vector { get; set; }
        }
    }

    public abstract class ComingFromPython : Search;

    public abstract class Serving : SnippetContext
    {
        protected new EmbeddingModel model = null!;
        protected MetricLearning.Search.ExactIndex<string> index = null!;
        protected Stream upload = null!;
    }

    public abstract class Training : SnippetContext
    {
        protected new EmbeddingModel model = null!;
        protected ReIdDataset data = null!;
        protected Sampler sampler = null!;
        protected ImageLoader loader = null!;
        protected LearningRateSchedule schedule = null!;
        protected TrainingCheckpoint checkpoint = null!;
        protected LossSum losses = null!;
        protected LossSumResult result = null!;
        protected ModelOutput output = null!;
        protected int step, epochs;

        protected void TrainEpoch() => throw new NotSupportedException();

        protected double Evaluate() => throw new NotSupportedException();
    }

    public abstract class Weights : SnippetContext
    {
        protected new EmbeddingModel model = null!;
        protected EmbeddingModel served = null!;
    }
}
