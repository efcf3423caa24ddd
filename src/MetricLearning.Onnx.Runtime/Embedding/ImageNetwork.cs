using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MetricLearning.Onnx.Runtime;

/// <summary>A network that ONNX Runtime runs on batches of images.</summary>
/// <remarks>Thread safety: one thread at a time.</remarks>
internal sealed class ImageNetwork : IDisposable
{
    private const int Alignment = 64;

    private readonly InferenceSession session;
    private readonly string output;
    private byte[] bytes = [];
    private int room, start;

    /// <summary>Loads a network, and runs it once on empty images. So a network that gives no vector for each image is refused here, and
    /// not under load.</summary>
    /// <exception cref="ArgumentException">A batch of images would be larger than an array can be.</exception>
    /// <exception cref="InvalidDataException">The file cannot be used. The message says why, without the path.</exception>
    /// <exception cref="DllNotFoundException">The application has no native package of ONNX Runtime.</exception>
    public ImageNetwork(string path, OnnxEmbedderSettings settings)
    {
        (session, Space, Input, output) = Load(path, settings);
        try
        {
            MostImages = Input.FixedBatch ?? settings.MaxBatch;
            var most = (Array.MaxLength - Alignment) / Input.ImageBytes;
            if (MostImages > most)
                throw Input.FixedBatch is not null ? new InvalidDataException($"It takes {MostImages} images at once, too many.")
                    : new ArgumentException($"settings must have a MaxBatch of at most {most} for images of {Input.ImageBytes} bytes, "
                        + $"got {MostImages}.", nameof(settings));
            Dimension = TriedDimension();
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>The embedding space: what the file records, completed by the settings.</summary>
    public EmbeddingSpace Space { get; }

    public ImageInput Input { get; }

    /// <summary>The largest number of images in a batch.</summary>
    public int MostImages { get; }

    /// <summary>The dimension of the embeddings.</summary>
    public int Dimension { get; }

    /// <summary>Makes room for the images of the next batch. The memory grows with the largest batch so far.</summary>
    /// <param name="count">The number of images.</param>
    public void Reserve(int count)
    {
        if (count <= room) return;
        var images = Input.FixedBatch ?? (int)Math.Min(MostImages, Math.Max(count, 2L * room));
        // Native code reads the buffer, so it is pinned. It begins at a multiple of 64, because the order in which ONNX Runtime sums
        // numbers depends on the address, and the last bit of a sum depends on the order.
        bytes = GC.AllocateArray<byte>(images * Input.ImageBytes + Alignment - 1, pinned: true);
        start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0) & (Alignment - 1));
        room = images;
    }

    /// <summary>The place of an image in the next batch, for which there is room.</summary>
    public Span<byte> Place(int image) => bytes.AsSpan(start + image * Input.ImageBytes, Input.ImageBytes);

    /// <summary>Computes the embeddings of the first images in the places.</summary>
    /// <param name="count">The number of images.</param>
    /// <param name="receive">Receives the embedding of each image, and the number of the image. The embedding is memory of ONNX Runtime,
    /// which is freed afterwards.</param>
    /// <exception cref="InvalidOperationException">ONNX Runtime cannot run the network, or its output is not a vector for each image. The
    /// message says why, without the path.</exception>
    public void Run(int count, ReadOnlySpanAction<float, int> receive)
    {
        // A network whose number of images is fixed gets images of earlier batches in the other places. Their embeddings are not used.
        var size = Input.FixedBatch ?? count;
        try
        {
            using var images = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, Input.Type, Input.Shape(size),
                Marshal.UnsafeAddrOfPinnedArrayElement(bytes, start), (long)size * Input.ImageBytes);
            using var options = new RunOptions();
            using var results = session.Run(options, [Input.Name], [images], [output]);
            var shape = results[0].GetTensorTypeAndShape().Shape;
            if (shape is not [var rows, > 0 and var length, .. var rest] || rows != size || rest.Any(side => side != 1)
                || (Dimension != 0 && length != Dimension))
                throw new InvalidOperationException($"the network must give [{size}, {(Dimension == 0 ? "D" : Dimension)}] for {size} "
                    + $"images, one vector for each, but its output '{output}' is [{string.Join(", ", shape)}].");
            var vectors = Numbers(results[0]);
            for (var image = 0; image < count; image++) receive(vectors.Slice(image * (int)length, (int)length), image);
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidOperationException($"ONNX Runtime cannot run it: {e.Message}", e);
        }
    }

    public void Dispose() => session.Dispose();

    /// <summary>Describes the type of an input or output.</summary>
    public static string Describe(NodeMetadata node) =>
        node.IsTensor ? $"{node.ElementDataType} [{string.Join(", ", node.Dimensions)}]" : node.OnnxValueType.ToString();

    private static ReadOnlySpan<float> Numbers(OrtValue values)
    {
        if (values.GetTensorTypeAndShape().ElementDataType == TensorElementType.Float) return values.GetTensorDataAsSpan<float>();
        var halves = MemoryMarshal.Cast<Float16, Half>(values.GetTensorDataAsSpan<Float16>());
        var numbers = new float[halves.Length];
        for (var i = 0; i < halves.Length; i++) numbers[i] = (float)halves[i];
        return numbers;
    }

    private int TriedDimension()
    {
        // With two images, a network that mixes the images of a batch does not give two vectors.
        var count = Math.Min(2, MostImages);
        try
        {
            var length = 0;
            Reserve(count);
            Run(count, (vector, _) => length = vector.Length);
            return Space.Dimension is { } asked && asked != length ? throw new InvalidDataException(
                $"Its embedding space has embeddings of {asked} numbers, but its output '{output}' has {length}.") : length;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static (InferenceSession Session, EmbeddingSpace Space, ImageInput Input, string Output) Load(
        string path, OnnxEmbedderSettings settings)
    {
        using var options = Options(settings);
        InferenceSession? session = null;
        try
        {
            session = new InferenceSession(path, options);
            var known = EmbeddingSpace.Of(session.ModelMetadata.CustomMetadataMap) ?? new();
            if (known.Conflicts(settings.Space, "in the file", "in the settings") is { } conflicts)
                throw new InvalidDataException($"Its embedding space contradicts the settings' Space: {conflicts}.");
            var space = known.Agree(settings.Space);
            if (session.InputNames is not [var name]) throw new InvalidDataException(
                $"It takes {session.InputNames.Count} inputs ({string.Join(", ", session.InputNames)}), but only images are passed.");
            if (session.OutputNames is not [var output, ..]) throw new InvalidDataException("It has no output.");
            if (session.OutputMetadata[output] is not
                { IsTensor: true, ElementDataType: TensorElementType.Float or TensorElementType.Float16 })
                throw new InvalidDataException(
                    $"Its output '{output}' is {Describe(session.OutputMetadata[output])}, not float or float16 [N, D].");
            return (session, space, new ImageInput(name, session.InputMetadata[name], space), output);
        }
        catch (Exception e)
        {
            session?.Dispose();
            if (e is not (OnnxRuntimeException or ArgumentException)) throw;
            using var file = File.OpenRead(path);
            throw new InvalidDataException(
                ForeignFile.DescribeUnlessOnnx(file) is { } foreign ? $"This is {foreign}. It is not an ONNX file." : e.Message, e);
        }
    }

    private static SessionOptions Options(OnnxEmbedderSettings settings)
    {
        try
        {
            RuntimeTelemetry.TurnOff();
            return new SessionOptions { IntraOpNumThreads = settings.Threads };
        }
        catch (TypeInitializationException e) when (e.InnerException is DllNotFoundException)
        {
            var version = typeof(SessionOptions).Assembly.GetName().Version?.ToString(fieldCount: 3);
            throw new DllNotFoundException(
                "The native part of ONNX Runtime is missing. Add one of its packages to the application, such as "
                + $"Microsoft.ML.OnnxRuntime {version} for CPUs: dotnet add package Microsoft.ML.OnnxRuntime --version {version}", e);
        }
    }
}
