using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A copy of a model that computes embeddings faster on the CPU. Batch norms are folded into the convolutions and linear layers
/// before them, and libtorch runs the network as one program.</summary>
/// <remarks>
/// <para>The constructor copies the weights, so later changes of the model do not change the copy. The copy takes as much memory as the
/// weights, or twice as much if the size of the images is given. It computes what the model computes in evaluation mode, even if the
/// model is in training mode. The embeddings differ from the model's by rounding only: by less than 10⁻⁵ of the largest entry in float32,
/// for every backbone of this library.</para>
/// <para>Give the size of the images if it is always the same. The copy then keeps the weights of its convolutions in the order in which
/// the processor reads them. Otherwise libtorch brings them into that order in each call, which takes longer than the convolutions of one
/// image. One image and several need different orders, so these weights are kept twice. Set the number of libtorch's threads before you
/// create the copy, because the order for one image depends on it.</para>
/// <para>On Linux each thread of libtorch embeds a part of the batch. The last bits of an embedding can therefore depend on the number of
/// threads and on the size of the batch. With the same of both they are the same in every run.</para>
/// <para>The first calls are slow, because libtorch compiles the program while it runs. docs/loading.md has the gains by network.</para>
/// <para>Thread safety: any number of threads may embed at once. Disposing is for one thread, while no other uses it.</para>
/// </remarks>
/// <example><code>
/// using var fast = new InferenceModel(model, height: 256, width: 128);
/// using var gallery = loader.Extract(fast.Embed, batchSize: 64);
/// </code></example>
public sealed class InferenceModel : IDisposable
{
    private readonly jit.ScriptModule network;
    private readonly Tensor[] weights, weightsOfOne;     // of batches, and of one image that all threads embed together
    private readonly ImageRequirements takes;
    private readonly int? height, width;
    private readonly bool sideBySide;

    /// <summary>Copies a model.</summary>
    /// <param name="model">The model; the caller keeps and disposes it.</param>
    /// <param name="height">The height of the images in pixels; null for any height, which is slower. A model that needs images of one
    /// size, such as a vision transformer, must know it.</param>
    /// <param name="width">The width of the images in pixels; null for any width.</param>
    /// <exception cref="ArgumentNullException">The model is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The height or the width is less than the model takes.</exception>
    /// <exception cref="NotSupportedException">A layer has no description, or needs images of one size; the message names it.</exception>
    public InferenceModel(EmbeddingModel model, int? height = null, int? width = null) : this((nn.Module)model, height, width)
    {
    }

    /// <summary>Copies a model of parts. Its stripes need images of one size.</summary>
    /// <param name="model">The model; the caller keeps and disposes it.</param>
    /// <param name="height">The height of the images in pixels.</param>
    /// <param name="width">The width of the images in pixels.</param>
    /// <inheritdoc cref="InferenceModel(EmbeddingModel, int?, int?)" path="/exception"/>
    public InferenceModel(PartModel model, int height, int width) : this((nn.Module)model, height, width)
    {
    }

    private InferenceModel(nn.Module model, int? height, int? width)
    {
        ArgumentNullException.ThrowIfNull(model);
        var layers = model.modules().ToList();
        // A model of parts may hold layers of its own and no backbone. Its images have three channels.
        var backbone = layers.OfType<Backbone>().FirstOrDefault();
        var (kindOfModel, channels, smallest) = backbone is null ? (model.GetName(), 3, 1)
            : (backbone.GetName(), backbone.ImageChannels, backbone.MinimumSize);
        foreach (var (size, side) in new[] { (height, nameof(height)), (width, nameof(width)) })
            if (size is { } pixels) Guard.AtLeast(pixels, (int)smallest, side);
        (this.height, this.width) = (height, width);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var graph = new ScriptGraph(model);
        var images = new GraphValue(ScriptGraph.Images,
            [GraphValue.Unknown, channels, height ?? GraphValue.Unknown, width ?? GraphValue.Unknown]);
        var output = ((IGraphModel)model).Describe(graph, images)[0].Value;
        EmbeddingDimension = output.Shape[^1];
        var tensors = graph.Weights.ToDictionary(StringComparer.Ordinal);
        var nodes = ScriptPasses.Folded(ScriptPasses.Needed(graph.Nodes, output.Name), output.Name, tensors);
        var kind = (backbone ?? model).parameters().First();
        var one = tensors;
        if (height is not null && width is not null && PackedConvolutions.Exist(kind.device_type, kind.dtype))
        {
            // The parts of a batch run on one thread each.
            List<ScriptNode> Packed() => PackedConvolutions.In(nodes, output.Name, tensors, batch: 8);
            one = tensors.ToDictionary(StringComparer.Ordinal);
            PackedConvolutions.In(nodes, output.Name, one, batch: 1);
            nodes = OneThread.IsPossible ? OneThread.Run(Packed) : Packed();
        }
        string[] names = [.. nodes.SelectMany(node => node.Inputs).Where(tensors.ContainsKey).Distinct(StringComparer.Ordinal)];
        sideBySide = ImageLayout.Helps(kind.device_type, kind.dtype) && layers.OfType<TorchSharp.Modules.Conv2d>().Skip(1).Any();
        network = jit.load(ScriptArchive.Of(ScriptText.Of(nodes, output.Name, names)));
        weights = Array.ConvertAll(names,
            name => (PackedConvolutions.IsPacked(name) ? tensors[name] : Copy(tensors[name])).DetachFromDisposeScope());
        weightsOfOne = [.. names.Select((name, i) => PackedConvolutions.IsPacked(name) ? one[name].DetachFromDisposeScope() : weights[i])];
        takes = new(kindOfModel, channels, smallest,
            empty(0, kind.dtype, kind.device).DetachFromDisposeScope());
    }

    /// <summary>The length of an embedding.</summary>
    public long EmbeddingDimension { get; }

    /// <summary>The type of the weights.</summary>
    internal ScalarType Type => takes.Weight!.dtype;

    /// <summary>Computes the embeddings of a batch of images.</summary>
    /// <param name="images">[N, C, H, W] with N ≥ 1, of the type and on the device of the model's weights.</param>
    /// <returns>[N, <see cref="EmbeddingDimension"/>], without gradient. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit; the message says why.</exception>
    public Tensor Embed(Tensor images)
    {
        Guard.Owned(takes.Weight!, this);
        takes.Require(images);
        if (images.size(2) != (height ?? images.size(2)) || images.size(3) != (width ?? images.size(3)))
            throw new ArgumentException($"images must be of the size that the model was copied for, {height} x {width} pixels, got "
                + $"{Guard.Shape(images)}.", nameof(images));
        var parts = SplitsBatches && images.device_type == TorchSharp.DeviceType.CPU && OneThread.IsPossible
            ? (int)Math.Min(images.size(0), get_num_threads()) : 1;
        return parts > 1 ? InParts(images, parts)
            : Run(images, images.size(0) == 1 && get_num_threads() > 1 ? weightsOfOne : weights);
    }

    /// <summary>Whether each thread embeds a part of a batch, where that is possible.</summary>
    internal bool SplitsBatches { get; init; } = true;

    /// <summary>Each thread embeds images of its own. The threads meet once, not after each of some hundred operations.</summary>
    private Tensor InParts(Tensor images, int count)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var embeddings = empty([images.size(0), EmbeddingDimension], images.dtype, images.device);
        var (parts, places) = (images.tensor_split(count), embeddings.tensor_split(count));
        // TorchSharp counts live tensors by thread, so each thread frees what it made.
        Threads.For(count, part => OneThread.Run(() =>
        {
            using var inner = no_grad();
            using var embedded = Run(parts[part], weights);
            return places[part].copy_(embedded);
        }));
        return embeddings.MoveToOuterDisposeScope();
    }

    private Tensor Run(Tensor images, Tensor[] with)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var x = sideBySide ? ImageLayout.SideBySide(images) : images;
        return ((Tensor)network.forward(x, with)).MoveToOuterDisposeScope();
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        network.Dispose();
        takes.Weight!.Dispose();
        for (var i = 0; i < weights.Length; i++)
        {
            if (!ReferenceEquals(weights[i], weightsOfOne[i])) weightsOfOne[i].Dispose();
            weights[i].Dispose();
        }
    }

    private Tensor Copy(Tensor weight)
    {
        var own = weight.detach().clone();      // the other layout may be the same memory, as for a kernel of one pixel
        return sideBySide && own.dim() == 4 ? ImageLayout.SideBySide(own) : own;
    }
}
