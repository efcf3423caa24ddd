using System.Buffers;
using System.Collections.Concurrent;
using System.Threading.Channels;
using MetricLearning.Vision;

namespace MetricLearning.Onnx.Runtime;

/// <summary>Turns images into embeddings with ONNX Runtime. It decodes, resizes and normalizes them as in training. Images of callers that
/// wait at the same time run as one batch.</summary>
/// <remarks>
/// <para>It does not need libtorch. The application must reference one native package of ONNX Runtime, such as
/// <c>Microsoft.ML.OnnxRuntime</c>.</para>
/// <para>Official builds of ONNX Runtime send events about their use to Microsoft. The first embedder of a process turns this off, for the
/// whole process and before ONNX Runtime starts, unless the environment variable <c>ORT_DISABLE_TELEMETRY</c> is 0.</para>
/// <para>Memory for decoded images is bounded for any number of callers: a few images are decoded at once, a few wait for their run, and
/// all other callers wait before their image is decoded. The encoded image of each caller stays in memory meanwhile.</para>
/// <para>The last digits of an embedding can depend on the place of its image in a batch, because ONNX Runtime may sum numbers in another
/// order there. With a <see cref="OnnxEmbedderSettings.MaxBatch"/> of 1, the embedding of an image has the same bits in each call.</para>
/// <para>Thread safety: any number of threads may embed at once. One thread disposes it; <see cref="Dispose"/> waits for calls that have
/// not ended.</para>
/// </remarks>
public sealed class OnnxEmbedder : IDisposable
{
    private readonly string path;
    private readonly ImageNetwork network;
    private readonly OnnxEmbedderSettings settings;
    private readonly Channel<Request> queue;
    private readonly SemaphoreSlim decoders;
    private readonly ConcurrentBag<Picture> pictures = [];
    private readonly Thread worker;
    private int isDisposed;

    private sealed record Request(byte[] Bytes, TaskCompletionSource<float[]> Result);

    /// <summary>Loads a network, and runs it once on empty images.</summary>
    /// <param name="path">An ONNX file whose only input takes images and whose first output is float or float16 [N, D], an embedding for
    /// each image, as <c>OnnxFile.Export</c> of MetricLearning.Onnx writes it. Further axes of length 1 may follow. Images are [N, C, H, W]
    /// or [N, H, W, C], normalized in float or float16, or pixels in uint8. If the input fixes the number of images, each run has that
    /// number, whatever <see cref="OnnxEmbedderSettings.MaxBatch"/> is.</param>
    /// <param name="settings">How the embedder works; null for the defaults.</param>
    /// <exception cref="ArgumentException">The path is null or empty, or a batch of images would be larger than an array can
    /// be.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">The path is that of a folder.</exception>
    /// <exception cref="InvalidDataException">ONNX Runtime cannot run the file, it has several inputs, its input is not images, its output
    /// is not an embedding for each image, it contradicts the settings, neither says how to prepare images, or images are resized by
    /// another filter than the bilinear one. The message names the file and says why.</exception>
    /// <exception cref="DllNotFoundException">The application has no native package of ONNX Runtime.</exception>
    public OnnxEmbedder(string path, OnnxEmbedderSettings? settings = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        (this.path, this.settings) = (path, settings ??= new());
        InputFile.RefuseFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file.", path);
        network = InputFile.Naming(path, () => new ImageNetwork(path, settings));
        decoders = new(settings.Decoders);
        var waiting = (int)Math.Min(2L * network.MostImages, int.MaxValue);
        queue = Channel.CreateBounded<Request>(new BoundedChannelOptions(waiting) { SingleReader = true });
        worker = new Thread(Work) { IsBackground = true, Name = nameof(OnnxEmbedder) };
        worker.Start();
    }

    /// <summary>The embedding space: the properties that the file records, completed by the settings.</summary>
    public EmbeddingSpace Space => network.Space;

    /// <summary>The dimension of the embeddings.</summary>
    public int Dimension => network.Dimension;

    /// <summary>Embeds an image. The embedding has length 1 if <see cref="EmbeddingSpace.Normalized"/> of <see cref="Space"/> is
    /// true.</summary>
    /// <param name="image">The contents of an image file in any format that <see cref="ImageDecoder"/> reads. They must not change before
    /// the task ends.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidDataException">The contents are not an image, are broken, or are larger than the settings allow. The message
    /// says why.</exception>
    /// <exception cref="InvalidOperationException">The network could not be run, or what it gave for the image is no embedding: a number is
    /// not finite, or all are zeros and cannot be scaled to length 1. The message names the network's file. If it is no embedding, the
    /// inner exception is an <see cref="ArithmeticException"/> (<see cref="NotFiniteNumberException"/> or
    /// <see cref="DivideByZeroException"/>), and other images are not affected.</exception>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <exception cref="ObjectDisposedException">The embedder is disposed.</exception>
    public Task<float[]> EmbedAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        EmbedAsync(image, name: null, cancellationToken);

    /// <summary>Embeds an image that has a name in messages.</summary>
    /// <param name="image">The contents of an image file in any format that <see cref="ImageDecoder"/> reads. They must not change before
    /// the task ends.</param>
    /// <param name="name">The name of the image in messages, such as <c>Picture 2</c>; null for "The image".</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="EmbedAsync(ReadOnlyMemory{byte}, CancellationToken)" path="/exception"/>
    public Task<float[]> EmbedAsync(ReadOnlyMemory<byte> image, string? name, CancellationToken cancellationToken) =>
        EmbedAsync(target => Prepare(image.Span, name, target), cancellationToken);

    /// <summary>Embeds the image in a stream, from its position to its end.</summary>
    /// <param name="image">The stream; it stays open.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentNullException">The stream is null.</exception>
    /// <inheritdoc cref="EmbedAsync(ReadOnlyMemory{byte}, CancellationToken)" path="/exception"/>
    public Task<float[]> EmbedAsync(Stream image, CancellationToken cancellationToken = default) =>
        EmbedAsync(image, name: null, cancellationToken);

    /// <summary>Embeds the image in a stream, from its position to its end. The image has a name in messages.</summary>
    /// <param name="image">The stream; it stays open.</param>
    /// <param name="name">The name of the image in messages, such as <c>The upload</c>; null for "The image".</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <inheritdoc cref="EmbedAsync(Stream, CancellationToken)" path="/exception"/>
    public async Task<float[]> EmbedAsync(Stream image, string? name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(image);
        // The stream is read before a decoder is taken, so a slow upload does not block other images.
        var bytes = await ImageDecoder.ReadAsync(image, settings.MaxBytes, name, cancellationToken).ConfigureAwait(false);
        return await EmbedAsync(target => Prepare(bytes.All, name, target), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for the calls that have begun, and frees the network. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 1) return;
        queue.Writer.Complete();
        worker.Join();
        network.Dispose();
    }

    private async Task<float[]> EmbedAsync(Action<byte[]> prepare, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(isDisposed == 1, this);
        var result = new TaskCompletionSource<float[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        // An image takes memory from here to its run. It keeps its decoder until the queue has room, so there are few such images.
        await decoders.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var bytes = ArrayPool<byte>.Shared.Rent(network.Input.ImageBytes);
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

    private void Prepare(ReadOnlySpan<byte> image, string? name, byte[] target)
    {
        if (!pictures.TryTake(out var picture)) picture = new Picture { MaxPixels = settings.MaxPixels, MaxBytes = settings.MaxBytes };
        try
        {
            ImageDecoder.Decode(image, picture, name);
            network.Input.Prepare(picture, target);
        }
        finally
        {
            pictures.Add(picture);
        }
    }

    private void Work()
    {
        var batch = new List<Request>();
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            while (batch.Count < network.MostImages && queue.Reader.TryRead(out var request)) batch.Add(request);
            try
            {
                Run(batch);
            }
            catch (Exception e)
            {
                // The callers receive any exception; the worker continues with the next batch.
                var given = e is InvalidOperationException ? new InvalidOperationException($"{path}: {e.Message}", e) : e;
                foreach (var request in batch) request.Result.TrySetException(given);
            }
            foreach (var request in batch) ArrayPool<byte>.Shared.Return(request.Bytes);
        }
    }

    private void Run(List<Request> batch)
    {
        network.Reserve(batch.Count);
        for (var i = 0; i < batch.Count; i++) batch[i].Bytes.AsSpan(0, network.Input.ImageBytes).CopyTo(network.Place(i));
        network.Run(batch.Count, (vector, i) =>
        {
            if (Space.FaultOf(vector) is not { } fault) batch[i].Result.TrySetResult(Space.FinishSound(vector));
            else batch[i].Result.TrySetException(
                new InvalidOperationException($"{path}: the network gave {fault.Message} in the embedding of an image.", fault));
        });
    }
}
