using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Reads, decodes and transforms images on its own threads, ahead of the consumer, and hands them out in batches.</summary>
/// <remarks>
/// <para>The batches depend on the seed, the epoch and the sampler, not on the number of workers: an image's random numbers depend on
/// <see cref="Seed"/>, the epoch, the image's position in the list and how often the epoch has drawn it before.</para>
/// <para>Memory is bounded: <see cref="BatchesAhead"/> + 1 batches besides the consumer's own, and two images per worker.</para>
/// <para>Each enumeration has its own threads. They end when it ends: at its end, at an early <c>break</c>, by cancellation or by an
/// exception. An enumerator that is dropped without <c>Dispose</c> keeps its threads and tensors until the garbage collector finds it. The
/// same holds for the tensors of a batch that is not disposed.</para>
/// <para><see cref="BadImages"/> applies only to a file that cannot be read or decoded. An exception from a step of the transform is never
/// skipped: it is the inner exception of an <see cref="InvalidOperationException"/> whose message has the image's path.</para>
/// <para>Thread safety: any number of threads may use a loader at once, each with its own enumerator and its own sampler. All of them share
/// the cache and <see cref="Skipped"/>. Your own steps must allow concurrent calls too.</para>
/// </remarks>
/// <example><code>
/// var loader = new ImageLoader(data.Train, ImageTransform.ForTraining(height: 256, width: 128)) { Workers = 4, Seed = 1 };
/// foreach (var batch in loader.Batches(sampler))
///     using (batch)
///         Train(batch.Images, batch.Labels);           // [N, 3, 256, 128], [N]
/// </code></example>
public sealed class ImageLoader
{
    private readonly ConcurrentDictionary<int, string> bad = new();
    private readonly DecodedImageCache cache = new(0);

    /// <summary>Makes a loader of these images.</summary>
    /// <param name="images">The images.</param>
    /// <param name="transform">The steps that each image goes through.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public ImageLoader(ImageList images, ImageTransform transform)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(transform);
        (Images, Transform) = (images, transform);
    }

    /// <summary>The images.</summary>
    public ImageList Images { get; }

    /// <summary>The steps that each image goes through.</summary>
    public ImageTransform Transform { get; }

    /// <summary>The number of decoding threads, 1 or more. Default: the number of processors, but at most 8.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int Workers { get; init => field = Guard.AtLeast(value, 1); } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>The number of batches that are decoded ahead of the one that is due, 1 or more. Default: 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int BatchesAhead { get; init => field = Guard.AtLeast(value, 1); } = 2;

    /// <summary>What to do with an image whose file cannot be read or decoded. Default: throw.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not defined.</exception>
    public BadImages BadImages { get; init => field = Guard.Defined(value); } = BadImages.Throw;

    /// <summary>The seed of the random steps. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The device that batches are put on. Default: the CPU. Batches for a CUDA device are decoded into pinned memory and copied
    /// asynchronously, in the stream in which the network works.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Device Device { get; init => field = Guard.NotNull(value); } = CPU;

    /// <summary>Whether the transform's last steps (<see cref="ImageTransform.BatchSteps"/>) run on whole batches, on <see cref="Device"/>.
    /// Default: false. If true, workers hand over uint8, which is a quarter of the bytes to copy. On the CPU the batches are the same bit
    /// for bit.</summary>
    /// <exception cref="ArgumentException">The transform has no such steps.</exception>
    public bool OnBatches
    {
        get;
        init => field = !value || Transform.BatchSteps.Count > 0 ? value : throw new ArgumentException(
            "OnBatches needs steps that work on batches, but a step after Normalize works on single images only.", nameof(OnBatches));
    }

    /// <summary>The number of bytes of decoded images that are kept from epoch to epoch. Default: 0, none. An image of 256 x 128 takes 128
    /// KiB. Images are kept as they are before the first random step, so the batches do not change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public long CacheBytes
    {
        get;
        init
        {
            field = Guard.AtLeast(value, 0);
            cache = new DecodedImageCache(value);
        }
    }

    /// <summary>The largest number of pixels of an image; a larger image counts as one that cannot be decoded. Each worker keeps memory for
    /// two images. Default: <see cref="ImageDecoder.DefaultMaxPixels"/>. See <see cref="Picture.MaxPixels"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int MaxPixels { get; init => field = Guard.AtLeast(value, 1); } = ImageDecoder.DefaultMaxPixels;

    /// <summary>The weights, the layer and the distance of the network that <see cref="Extract"/> runs, as far as they are known. The
    /// features carry this space, together with how the transform prepares images. Default: null; the features then carry only how the
    /// transform prepares images.</summary>
    /// <exception cref="ArgumentException">The value contradicts the transform; the message has both values.</exception>
    public EmbeddingSpace? Space
    {
        get;
        init => field = value is null || Transform.Space.Conflicts(value, "in the transform", "here") is not { } conflicts ? value
            : throw new ArgumentException($"Space must be the embedding space of the transform, but {conflicts}.", nameof(Space));
    }

    /// <summary>The images that were left out so far, each once, in the order of the list.</summary>
    public IReadOnlyList<BadImage> Skipped =>
        [.. bad.OrderBy(pair => pair.Key).Select(pair => new BadImage(Images[pair.Key].Path, pair.Value))];

    /// <summary>Loads the rest of the sampler's current epoch.</summary>
    /// <remarks>When a batch is handed out, the sampler's state becomes the state after that batch. So a checkpoint that is taken after the
    /// training step resumes with the next batch. If the state is in the middle of a batch, the first batch is the rest of it. A batch is
    /// left out if none of its images can be read.</remarks>
    /// <param name="sampler">Chooses the images and their order.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentNullException"><paramref name="sampler"/> is null.</exception>
    /// <exception cref="ArgumentException">While enumerating: the sampler draws an index that the list does not have.</exception>
    /// <exception cref="InvalidDataException">While enumerating: an image is broken and <see cref="BadImages"/> says to throw, or no image
    /// at all can be read. The message has the path.</exception>
    /// <exception cref="IOException">While enumerating: an image is missing (<see cref="FileNotFoundException"/>) or cannot be read, and
    /// <see cref="BadImages"/> says to throw.</exception>
    /// <exception cref="InvalidOperationException">While enumerating: a step of the transform threw. The message has the path, and the
    /// inner exception is that of the step. Or the sampler's state was changed from outside, as for
    /// <see cref="Sampler.Batches"/>.</exception>
    public IEnumerable<ImageBatch> Batches(Sampler sampler, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(sampler);
        return Epoch();

        IEnumerable<ImageBatch> Epoch()
        {
            var left = sampler.State;
            var (epoch, position) = left;
            var indices = sampler.Draw(epoch);
            foreach (var index in indices)
                if (index < 0 || index >= Images.Count)
                    throw new ArgumentException($"sampler draws index {index}, but there are {Images.Count} images.", nameof(sampler));
            foreach (var (batch, end) in Load(indices, (int)position, sampler.BatchSize, epoch, cancellationToken))
            {
                if (sampler.State != left) batch.Dispose();
                sampler.RequireAt(left);
                sampler.State = left = end < indices.Length ? new SamplerState(epoch, end) : new SamplerState(epoch + 1, 0);
                yield return batch;
            }
            // Batches at the end may have been left out. After the last one, the state may have been set.
            if (sampler.State == left) sampler.State = new SamplerState(epoch + 1, 0);
        }
    }

    /// <summary>Loads all images in the order of the list. The last batch may be smaller.</summary>
    /// <param name="batchSize">The number of images in a batch, 1 or more.</param>
    /// <param name="cancellationToken">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is less than 1.</exception>
    /// <exception cref="InvalidOperationException">While enumerating: a step of the transform threw. The message has the path, and the
    /// inner exception is that of the step.</exception>
    /// <inheritdoc cref="Batches(Sampler, CancellationToken)" path="/exception[contains(@cref, '.IO.')]"/>
    public IEnumerable<ImageBatch> Batches(int batchSize, CancellationToken cancellationToken = default)
    {
        Guard.AtLeast(batchSize, 1);
        return Load(WholeList(), 0, batchSize, 0, cancellationToken).Select(pair => pair.Batch);
    }

    /// <summary>Extracts the features of all images, in the order of the list, with their identities and cameras.</summary>
    /// <remarks>
    /// It runs without gradient and calls <paramref name="embed"/> on the calling thread. Put the network into evaluation mode first
    /// (<c>model.eval()</c>). Features become vectors of <see cref="Space"/>: they have length 1 if it says <c>Normalized</c>
    /// (<see cref="EmbeddingSpace.Finish(Tensor)"/>). Skipped images have no row: <c>Images.Without(Skipped)</c> is the list whose image i
    /// belongs to row i.
    /// </remarks>
    /// <param name="embed">Turns [N, C, H, W] into features [N, D]: <c>model.Embed</c>, or a <see cref="FeatureExtractor"/>'s
    /// <see cref="FeatureExtractor.Extract"/>.</param>
    /// <param name="batchSize">The number of images that go through the network at once, 1 or more. Default: 64.</param>
    /// <param name="journal">Stores the features so that a stopped extraction can continue; null for no journal.</param>
    /// <param name="progress">Gets the progress after each batch, on the calling thread; null for no reports.</param>
    /// <param name="cancellationToken">Cancels the call with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="embed"/> is null, did not give floating-point [N, D], or gave another D or type
    /// than before or another D than <see cref="Space"/> says; or <paramref name="batchSize"/> is less than 1.</exception>
    /// <exception cref="InvalidOperationException">The list is empty, the features of an image are NaN or infinite, or all zeros although
    /// the space says <c>Normalized</c>, or a step of the transform threw. These messages have the path, except the first.</exception>
    /// <exception cref="InvalidDataException">The journal belongs to another extraction, or it lacks an image that could not be read and
    /// <see cref="BadImages"/> says to throw.</exception>
    /// <inheritdoc cref="Batches(Sampler, CancellationToken)" path="/exception[contains(@cref, '.IO.')]"/>
    public EmbeddingSet Extract(Func<Tensor, Tensor> embed, int batchSize = 64, ExtractionJournal? journal = null,
        IProgress<ExtractionProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(embed);
        Guard.AtLeast(batchSize, 1);
        if (Images.Count == 0) throw new InvalidOperationException("The list has no images to extract features from.");
        using var noGrad = no_grad();
        using var rows = new FeatureCollector(Images, Space is null ? Transform.Space : Transform.Space.Agree(Space));
        using var file = journal?.Open(this, batchSize);
        var start = file is null ? 0 : Restore(file, rows);
        foreach (var (batch, end) in Load(WholeList(), start, batchSize, 0, cancellationToken))
        {
            using (batch)
            using (NewDisposeScope())
            {
                var part = embed(batch.Images);
                if (FaultOf(part, batch.Count, rows.Kind) is { } fault) throw new ArgumentException(fault, nameof(embed));
                rows.Add(batch.Indices, part);
                file?.Append(batch.Indices, part, end);
            }
            progress?.Report(new(end, Images.Count));
        }
        return rows.ToSet();
    }

    /// <summary>Says why the result of a network cannot be the features of a batch; null if it can.</summary>
    /// <param name="part">The result.</param>
    /// <param name="count">The number of images in the batch.</param>
    /// <param name="kind">The length and the type of the rows before it; null if there are none.</param>
    private static string? FaultOf(Tensor? part, int count, (long Length, ScalarType Type)? kind) =>
        part is null ? "embed must give one row of features per image, got null."
        : part.dim() != 2 || part.size(0) != count || part.size(1) == 0
            ? $"embed must give one row of features per image, [{count}, D], got {Guard.Shape(part)}."
        : !part.is_floating_point() ? $"embed must give floating-point features, got {part.dtype}."
        : kind is var (length, type) && (part.size(1) != length || part.dtype != type)
            ? $"embed must give rows of {length} {type} as before, got {Guard.Shape(part)} {part.dtype}." : null;

    /// <summary>Takes over the features in the journal. Returns the number of images that are done.</summary>
    private int Restore(JournalFile file, FeatureCollector rows)
    {
        var (done, there) = (0, new HashSet<int>());
        foreach (var (indices, features, end) in file.Restore())
            using (features)
            {
                rows.Add(indices, features);
                there.UnionWith(indices);
                done = end;
            }
        for (var i = 0; i < done; i++)
        {
            if (there.Contains(i)) continue;
            var fault = $"{Images[i].Path}: could not be read before the extraction was stopped";
            if (BadImages == BadImages.Throw) throw new InvalidDataException(
                $"{fault}. The journal {file.Path} has no features of it: delete the journal to begin anew.");
            bad.TryAdd(i, $"{fault}.");
        }
        return done;
    }

    private long[] WholeList() => [.. Enumerable.Range(0, Images.Count).Select(i => (long)i)];

    private IEnumerable<(ImageBatch Batch, int End)> Load(long[] indices, int start, int batchSize, int epoch,
        CancellationToken cancellationToken)
    {
        var repeats = Repeats(indices);
        var pending = new Queue<BatchBuilder>();
        var workers = new WorkerPool<SlotWork>(Workers, () => Handler(epoch));
        try
        {
            var (next, empty) = (start, start == 0);
            while (true)
            {
                for (; next < indices.Length && pending.Count <= BatchesAhead; next = pending.Last().End)
                {
                    // A start in the middle of a batch begins with the rest of that batch, so the groups of a sampler stay together.
                    var end = next + Math.Min(batchSize - next % batchSize, indices.Length - next);
                    int[] members = [.. indices[next..end].Select(index => (int)index)];
                    var batch = new BatchBuilder(members, end, Transform, OnBatches, Device);
                    pending.Enqueue(batch);
                    for (var i = next; i < end; i++) workers.Add(new(batch, i - next, repeats[i]));
                }
                if (!pending.TryPeek(out var first)) break;
                cancellationToken.ThrowIfCancellationRequested();
                first.Wait(cancellationToken);
                Judge(first);
                if (pending.Dequeue().Finish(Images.LabelOf) is not { } ready) continue;
                empty = false;
                yield return (ready, first.End);
            }
            if (empty && indices.Length > 0)
                throw new InvalidDataException($"None of the {indices.Length} images could be read. {Skipped[0].Reason}");
        }
        finally
        {
            workers.Dispose();
            foreach (var batch in pending) batch.Dispose();
        }
    }

    /// <summary>For each draw of an epoch, counts how often the epoch has drawn the same image before. So an image that is drawn twice is
    /// augmented differently each time.</summary>
    private static int[] Repeats(long[] indices)
    {
        var seen = new Dictionary<long, int>(indices.Length);
        return [.. indices.Select(index => seen[index] = seen.TryGetValue(index, out var before) ? before + 1 : 0)];
    }

    /// <summary>Makes the function that a worker calls for each item. Its errors are stored and thrown later on the consumer's
    /// thread.</summary>
    private Action<SlotWork> Handler(int epoch)
    {
        var picture = new Picture { MaxPixels = MaxPixels };
        return work => work.Batch.Done(work.Slot, Try(work));

        SlotError? Try(SlotWork work)
        {
            try
            {
                return Fill(work, epoch, picture);
            }
#pragma warning disable CA1031 // Judge throws it.
            catch (Exception e)
#pragma warning restore CA1031
            {
                return new(e, IsUnreadable: false);
            }
        }
    }

    /// <summary>Puts an image into its slot. Returns an error if its file cannot be read or decoded. Exceptions of steps pass
    /// through.</summary>
    private SlotError? Fill(SlotWork work, int epoch, Picture picture)
    {
        var index = work.Batch.Indices[work.Slot];
        var random = SeededRandom.ForStream(Seed, (ulong)epoch, (ulong)index, (ulong)work.Repeat);
        if (!cache.TryGet(index, picture))
        {
            try
            {
                Images[index].DecodeInto(picture);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                return new(e, IsUnreadable: true);
            }
            Transform.ApplyFixed(picture, random);
            cache.Offer(index, picture);
        }
        work.Batch.Fill(work.Slot, Transform, picture, random);
        return null;
    }

    /// <summary>Throws the errors that must be thrown and records the images to skip.</summary>
    private void Judge(BatchBuilder batch)
    {
        foreach (var (index, (error, isUnreadable)) in batch.Errors)
        {
            if (!isUnreadable) throw new InvalidOperationException($"{Images[index].Path}: {error.Message}", error);
            if (BadImages == BadImages.Throw) ExceptionDispatchInfo.Throw(error);
            bad.TryAdd(index, error.Message);
        }
    }

    /// <summary>One image that a worker puts into a slot of a batch.</summary>
    /// <param name="Batch">The batch.</param>
    /// <param name="Slot">The slot.</param>
    /// <param name="Repeat">How often the epoch has drawn the image before.</param>
    private readonly record struct SlotWork(BatchBuilder Batch, int Slot, int Repeat);
}
