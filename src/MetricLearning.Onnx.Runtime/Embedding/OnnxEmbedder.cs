using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using MetricLearning.Vision;
using Microsoft.ML.OnnxRuntime;

namespace MetricLearning.Onnx.Runtime;

/// <summary>Turns images into embeddings with ONNX Runtime. It decodes, resizes and normalizes them as in training. Images of callers that
/// wait at the same time run as one batch.</summary>
/// <remarks>
/// <para>It does not need libtorch. The application must reference one native package of ONNX Runtime, such as
/// <c>Microsoft.ML.OnnxRuntime</c>.</para>
/// <para>Memory for decoded images is bounded for any number of callers: a few images are decoded at once, a few wait for their run, and
/// all other callers wait before their image is decoded. The encoded image of each caller stays in memory meanwhile.</para>
/// <para>Thread safety: any number of threads may embed at once. One thread disposes it; <see cref="Dispose"/> waits for calls that have
/// not ended.</para>
/// </remarks>
public sealed class OnnxEmbedder : IDisposable
{
    private const int Alignment = 64;

    private readonly string path;
    private readonly InferenceSession session;
    private readonly ImageInput input;
    private readonly OnnxEmbedderSettings settings;
    private readonly string output;
    private readonly Channel<Request> queue;
    private readonly SemaphoreSlim decoders;
    private readonly ConcurrentBag<Picture> pictures = [];
    private readonly Thread worker;
    private readonly byte[] batchBytes;
    private readonly int batchStart;
    private int isDisposed;

    private sealed record Request(byte[] Bytes, TaskCompletionSource<float[]> Result);

    /// <summary>Loads a network.</summary>
    /// <param name="path">An ONNX file whose only input takes images and whose first output is an embedding, as <c>OnnxFile.Export</c> of
    /// MetricLearning.Onnx writes it.</param>
    /// <param name="settings">How the embedder works; null for the defaults.</param>
    /// <exception cref="ArgumentException">The path is null or empty, or a batch of images would be larger than an array can
    /// be.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">ONNX Runtime cannot run the file, it has several inputs, its input is not images, it
    /// contradicts the settings, neither says how to prepare images, or images are resized by another filter than the bilinear one. The
    /// message names the file and says why.</exception>
    /// <exception cref="DllNotFoundException">The application has no native package of ONNX Runtime.</exception>
    public OnnxEmbedder(string path, OnnxEmbedderSettings? settings = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (this.path, this.settings) = (path, settings ??= new());
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file.", path);
        (session, Space, input, output) = InputFile.Naming(path, () => Load(path, settings));
        Dimension = session.OutputMetadata[output].Dimensions is [_, > 0 and var length] ? length : (int?)Space.Dimension ?? 0;
        decoders = new(settings.Decoders);
        queue = Channel.CreateBounded<Request>(new BoundedChannelOptions(2 * settings.MaxBatch) { SingleReader = true });
        // Native code reads the buffer, so it is pinned. It begins at a multiple of 64, because the order in which ONNX Runtime adds
        // numbers up depends on the address, and the last bit of the sum depends on the order.
        if ((long)settings.MaxBatch * input.ImageBytes + Alignment > Array.MaxLength)
        {
            session.Dispose();
            throw new ArgumentException($"settings must have a MaxBatch of at most {(Array.MaxLength - Alignment) / input.ImageBytes} for "
                + $"images of {input.ImageBytes} bytes, got {settings.MaxBatch}.", nameof(settings));
        }
        batchBytes = GC.AllocateUninitializedArray<byte>(settings.MaxBatch * input.ImageBytes + Alignment - 1, pinned: true);
        batchStart = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(batchBytes, 0) & (Alignment - 1));
        worker = new Thread(Work) { IsBackground = true, Name = nameof(OnnxEmbedder) };
        worker.Start();
    }

    /// <summary>The embedding space: the properties that the file records, completed by the settings.</summary>
    public EmbeddingSpace Space { get; }

    /// <summary>The dimension of the embeddings; 0 if the file does not fix it.</summary>
    public int Dimension { get; }

    /// <summary>Embeds an image. The embedding has length 1 if <see cref="EmbeddingSpace.Normalized"/> of <see cref="Space"/> is
    /// true.</summary>
    /// <param name="image">The contents of an image file in any format that <see cref="ImageDecoder"/> reads. They must not change before
    /// the task ends.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidDataException">The contents are not an image, are broken, or are larger than the settings allow. The message
    /// says why.</exception>
    /// <exception cref="InvalidOperationException">The network could not be run, or it gave numbers that are not finite. The message names
    /// the network's file. Other images are not affected.</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <exception cref="ObjectDisposedException">The embedder is disposed.</exception>
    public Task<float[]> EmbedAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        EmbedAsync(target => Prepare(image.Span, target), cancellationToken);

    /// <summary>Embeds the image in a stream, from its position to its end.</summary>
    /// <param name="image">The stream; it stays open.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentNullException">The stream is null.</exception>
    /// <inheritdoc cref="EmbedAsync(ReadOnlyMemory{byte}, CancellationToken)" path="/returns"/>
    /// <inheritdoc cref="EmbedAsync(ReadOnlyMemory{byte}, CancellationToken)" path="/exception"/>
    public async Task<float[]> EmbedAsync(Stream image, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        // The stream is read before a decoder is taken, so a slow upload does not block other images.
        var bytes = await BoundedBytes.ReadAsync(image, settings.MaxBytes, cancellationToken).ConfigureAwait(false);
        return await EmbedAsync(target => Prepare(bytes.All, target), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for the calls that have begun, and frees the network. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 1) return;
        queue.Writer.Complete();
        worker.Join();
        session.Dispose();
    }

    private async Task<float[]> EmbedAsync(Action<byte[]> prepare, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(isDisposed == 1, this);
        var result = new TaskCompletionSource<float[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        // An image takes memory from here to its run. It keeps its decoder until the queue has room, so there are few such images.
        await decoders.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var bytes = ArrayPool<byte>.Shared.Rent(input.ImageBytes);
            try
            {
                prepare(bytes);
                await queue.Writer.WriteAsync(new Request(bytes, result), cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                // The worker has not received it, so it is not in use.
                ArrayPool<byte>.Shared.Return(bytes);
                ObjectDisposedException.ThrowIf(isDisposed == 1, this);
                throw;
            }
        }
        finally
        {
            decoders.Release();
        }
        return await result.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
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
            if (session.InputNames.Count != 1) throw new InvalidDataException(
                $"It takes {session.InputNames.Count} inputs ({string.Join(", ", session.InputNames)}), but only images are passed.");
            var (name, output) = (session.InputNames[0], session.OutputNames[0]);
            if (session.OutputMetadata[output].Dimensions is [_, > 0 and var length] && space.Dimension is { } asked && asked != length)
                throw new InvalidDataException($"Its embedding space has embeddings of {asked} numbers, but its output '{output}' has "
                    + $"{length}.");
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

    private void Prepare(ReadOnlySpan<byte> image, byte[] target)
    {
        if (!pictures.TryTake(out var picture)) picture = new Picture { MaxPixels = settings.MaxPixels, MaxBytes = settings.MaxBytes };
        try
        {
            ImageDecoder.Decode(image, picture);
            input.Prepare(picture, target);
        }
        finally
        {
            pictures.Add(picture);
        }
    }

    private void Work()
    {
        var batch = new List<Request>(settings.MaxBatch);
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            while (batch.Count < settings.MaxBatch && queue.Reader.TryRead(out var request)) batch.Add(request);
            try
            {
                Run(batch);
            }
            catch (Exception e)
            {
                // The callers receive any exception; the worker continues with the next batch.
                var given = e is OnnxRuntimeException ? new InvalidOperationException($"{path}: ONNX Runtime cannot run it: {e.Message}", e)
                    : e;
                foreach (var request in batch) request.Result.TrySetException(given);
            }
            foreach (var request in batch) ArrayPool<byte>.Shared.Return(request.Bytes);
        }
    }

    private void Run(List<Request> batch)
    {
        for (var i = 0; i < batch.Count; i++)
            batch[i].Bytes.AsSpan(0, input.ImageBytes).CopyTo(batchBytes.AsSpan(batchStart + i * input.ImageBytes));
        using var images = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, input.Type, input.Shape(batch.Count),
            Marshal.UnsafeAddrOfPinnedArrayElement(batchBytes, batchStart), (long)batch.Count * input.ImageBytes);
        using var options = new RunOptions();
        using var results = session.Run(options, [input.Name], [images], [output]);
        var values = results[0].GetTensorDataAsSpan<float>();
        var length = values.Length / batch.Count;
        for (var i = 0; i < batch.Count; i++)
        {
            var embedding = values.Slice(i * length, length);
            if (EmbeddingSpace.StrayNumber(embedding) is { } place)
                batch[i].Result.TrySetException(new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                    $"{path}: the network gave {embedding[place]} at index {place} of the embedding of an image.")));
            else batch[i].Result.TrySetResult(Space.FinishFinite(embedding));
        }
    }
}
