using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Reads, decodes and transforms pictures on threads of its own, ahead of the consumer, and hands them out in batches.</summary>
/// <remarks>
/// The batches are the same for a seed, an epoch and a sampler, whatever the number of workers: a picture's random numbers depend on
/// <see cref="Seed"/>, the epoch, its place in the list and how often the epoch has drawn it before. Memory is bounded:
/// <see cref="BatchesAhead"/> + 1 batches beside the consumer's own, and two pictures a worker. Each enumeration has its own threads; they
/// are gone when it ends, by its end, by an early break, a cancellation or an exception.
/// </remarks>
public sealed class ImageLoader
{
    private readonly ConcurrentDictionary<int, string> bad = new();
    private readonly PictureCache cache = new(0);

    /// <summary>A loader of these pictures.</summary>
    public ImageLoader(ImageList images, ImageTransform transform)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(transform);
        (Images, Transform) = (images, transform);
    }

    /// <summary>The pictures.</summary>
    public ImageList Images { get; }

    /// <summary>What happens to them.</summary>
    public ImageTransform Transform { get; }

    /// <summary>The number of decoding threads, 1 or more; as many as processors by default, 8 at most.</summary>
    public int Workers { get; init => field = Guard.AtLeast(value, 1); } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>How many batches are decoded ahead of the one that is due, 1 or more; 2 by default.</summary>
    public int BatchesAhead { get; init => field = Guard.AtLeast(value, 1); } = 2;

    /// <summary>What to do with a picture that cannot be read; to throw, by default.</summary>
    public BadImages BadImages { get; init; } = BadImages.Throw;

    /// <summary>The seed of the random steps.</summary>
    public ulong Seed { get; init; }

    /// <summary>Where the batches are put; the CPU by default. For a CUDA device they are decoded into pinned memory and copied
    /// asynchronously: the copy is in the stream that the network's work is in, before it.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>Whether the transform's last steps (<see cref="ImageTransform.BatchSteps"/>) run on whole batches on <see cref="Device"/>;
    /// not, by default. Workers then hand over uint8, a quarter of the bytes to copy, and the batches are the same, to the bit on the
    /// CPU.</summary>
    /// <exception cref="ArgumentException">The transform has no such steps.</exception>
    public bool OnBatches
    {
        get;
        init => field = !value || Transform.BatchSteps.Count > 0 ? value : throw new ArgumentException(
            "OnBatches asks for steps that work on batches, but one after Normalize works on single pictures only.", nameof(OnBatches));
    }

    /// <summary>How many bytes of decoded pictures are kept from epoch to epoch; 0, none, by default. A picture of 256 x 128 takes 128 KiB.
    /// They are kept as they are before the first random step, so the batches do not change.</summary>
    public long CacheBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(CacheBytes));
            field = value;
            cache = new PictureCache(value);
        }
    }

    /// <summary>The pictures that were left out so far, each once, in the order of the list.</summary>
    public IReadOnlyList<BadImage> Skipped =>
        [.. bad.OrderBy(pair => pair.Key).Select(pair => new BadImage(Images[pair.Key].Path, pair.Value))];

    /// <summary>The rest of the sampler's current epoch.</summary>
    /// <remarks>As each batch is handed out, the sampler's state becomes what comes after it, so that a checkpoint taken after the
    /// training step resumes with the next batch. A batch none of whose pictures can be read is passed over.</remarks>
    /// <param name="sampler">Which pictures, in which order.</param>
    /// <param name="cancel">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException">The sampler draws indices that the list has not.</exception>
    /// <exception cref="InvalidDataException">While enumerating: a picture is broken and <see cref="BadImages"/> says to throw, or none of
    /// all pictures can be read. The message has the path.</exception>
    /// <exception cref="IOException">While enumerating: a picture is missing (<see cref="FileNotFoundException"/>) or cannot be read, and
    /// <see cref="BadImages"/> says to throw.</exception>
    public IEnumerable<ImageBatch> Batches(Sampler sampler, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(sampler);
        return Epoch();

        IEnumerable<ImageBatch> Epoch()
        {
            var (epoch, position) = sampler.State;
            var indices = sampler.Draw(epoch);
            foreach (var index in indices)
                if (index < 0 || index >= Images.Count)
                    throw new ArgumentException($"sampler draws index {index}, but there are {Images.Count} pictures.", nameof(sampler));
            foreach (var (batch, end) in Load(indices, (int)position, sampler.BatchSize, epoch, cancel))
            {
                sampler.State = end < indices.Length ? new SamplerState(epoch, end) : new SamplerState(epoch + 1, 0);
                yield return batch;
            }
            sampler.State = new SamplerState(epoch + 1, 0);
        }
    }

    /// <summary>All pictures in the order of the list; the last batch may be smaller.</summary>
    /// <param name="batchSize">How many pictures make a batch.</param>
    /// <param name="cancel">Ends the enumeration with an <see cref="OperationCanceledException"/>.</param>
    /// <inheritdoc cref="Batches(Sampler, CancellationToken)" path="/exception[contains(@cref, '.IO.')]"/>
    public IEnumerable<ImageBatch> Batches(int batchSize, CancellationToken cancel = default)
    {
        Guard.AtLeast(batchSize, 1);
        return Load(WholeList(), 0, batchSize, 0, cancel).Select(pair => pair.Batch);
    }

    /// <summary>The features of all pictures, in the order of the list, with their identities and cameras.</summary>
    /// <remarks>
    /// Runs without gradient on the calling thread. Put the network into evaluation mode first (<c>model.eval()</c>). Pictures that were
    /// skipped have no row: <c>Images.Without(Skipped)</c> is the list that fits the rows.
    /// </remarks>
    /// <param name="embed">[N, C, H, W] to features [N, D]: <c>model.Embed</c>, or a <see cref="FeatureExtractor"/>'s
    /// <see cref="FeatureExtractor.Extract"/>.</param>
    /// <param name="batchSize">How many pictures go through the network at once.</param>
    /// <param name="progress">Called after each batch with the number of pictures done (skipped ones included) and of all.</param>
    /// <param name="journal">Keeps the features so far, for an extraction that may be stopped, and all of them in the end; null to keep
    /// none.</param>
    /// <param name="cancel">Ends it with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="embed"/> gave no [N, D].</exception>
    /// <exception cref="InvalidOperationException">Features of a picture are NaN or infinite; the message has its path.</exception>
    /// <exception cref="InvalidDataException">The journal is of another extraction.</exception>
    /// <inheritdoc cref="Batches(Sampler, CancellationToken)" path="/exception[contains(@cref, '.IO.')]"/>
    public EmbeddingSet Extract(Func<Tensor, Tensor> embed, int batchSize = 64, Action<int, int>? progress = null,
        ExtractionJournal? journal = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(embed);
        Guard.AtLeast(batchSize, 1);
        if (Images.Count == 0) throw new InvalidOperationException("There are no pictures to extract features of.");
        using var noGrad = no_grad();
        using var rows = new ExtractedFeatures(Images);
        using var file = journal?.Open(this, batchSize);
        var start = file is null ? 0 : Restore(file, rows);
        foreach (var (batch, end) in Load(WholeList(), start, batchSize, 0, cancel))
        {
            using (batch)
            using (NewDisposeScope())
            {
                var part = embed(batch.Images);
                if (part.dim() != 2 || part.size(0) != batch.Count)
                    throw new ArgumentException(
                        $"embed must give one row of features a picture, [{batch.Count}, D], got {Guard.Shape(part)}.", nameof(embed));
                CheckFinite(part, batch);
                rows.Add(batch.Indices, part);
                file?.Append(batch.Indices, part, end);
            }
            progress?.Invoke(end, Images.Count);
        }
        return rows.ToSet();
    }

    /// <summary>Takes over what the journal has; how many pictures are done.</summary>
    private int Restore(JournalFile file, ExtractedFeatures rows)
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
            if (!there.Contains(i)) bad.TryAdd(i, $"{Images[i].Path}: could not be read before the extraction was stopped.");
        return done;
    }

    private long[] WholeList() => [.. Enumerable.Range(0, Images.Count).Select(i => (long)i)];

    private void CheckFinite(Tensor features, ImageBatch batch)
    {
        var finite = features.isfinite().all(1);
        if (finite.all().item<bool>()) return;
        var row = finite.to(ScalarType.Int64).argmin().item<long>();
        throw new InvalidOperationException($"{Images[batch.Indices[(int)row]].Path}: its features are NaN or infinite.");
    }

    private IEnumerable<(ImageBatch Batch, int End)> Load(long[] indices, int start, int batchSize, int epoch, CancellationToken cancel)
    {
        var repeats = Repeats(indices);
        var pending = new Queue<PendingBatch>();
        var crew = new WorkCrew<(PendingBatch Batch, int Slot, int Repeat)>(Workers, () =>
        {
            var picture = new Picture();
            return item => item.Batch.Done(item.Slot, Try(() => Fill(item.Batch, item.Slot, item.Repeat, epoch, picture)));
        });
        try
        {
            var (next, empty) = (start, start == 0);
            while (true)
            {
                for (; next < indices.Length && pending.Count <= BatchesAhead; next = pending.Last().End)
                {
                    var end = Math.Min(next + batchSize, indices.Length);
                    int[] members = [.. indices[next..end].Select(index => (int)index)];
                    var batch = new PendingBatch(members, end, Transform, OnBatches, Device);
                    pending.Enqueue(batch);
                    for (var i = next; i < end; i++) crew.Add((batch, i - next, repeats[i]));
                }
                if (!pending.TryPeek(out var first)) break;
                cancel.ThrowIfCancellationRequested();
                first.Wait(cancel);
                Judge(first);
                if (pending.Dequeue().Finish(Images.Labels) is not { } ready) continue;
                empty = false;
                yield return (ready, first.End);
            }
            if (empty && indices.Length > 0)
                throw new InvalidDataException($"None of the {indices.Length} pictures could be read. {Skipped[0].Reason}");
        }
        finally
        {
            crew.Dispose();
            foreach (var batch in pending) batch.Dispose();
        }
    }

    /// <summary>How often the epoch has drawn the same picture before: pictures drawn twice are to be augmented differently.</summary>
    private static int[] Repeats(long[] indices)
    {
        var seen = new Dictionary<long, int>(indices.Length);
        return [.. indices.Select(index => seen[index] = seen.TryGetValue(index, out var before) ? before + 1 : 0)];
    }

    private void Fill(PendingBatch batch, int slot, int repeat, int epoch, Picture picture)
    {
        var index = batch.Indices[slot];
        var random = SeededRandom.ForStream(Seed, (ulong)epoch, (ulong)index, (ulong)repeat);
        if (!cache.TryGet(index, picture))
        {
            PictureDecoder.Decode(Images[index].Path, picture);
            Transform.ApplyFixed(picture, random);
            cache.Offer(index, picture);
        }
        batch.Fill(slot, Transform, picture, random);
    }

    private static Exception? Try(Action action)
    {
        try
        {
            action();
            return null;
        }
#pragma warning disable CA1031 // Whatever goes wrong on a worker is thrown on the consumer's thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return e;
        }
    }

    /// <summary>Throws what must be thrown and notes what is to be skipped.</summary>
    private void Judge(PendingBatch batch)
    {
        foreach (var (index, error) in batch.Errors)
        {
            var unreadable = error is IOException or InvalidDataException or UnauthorizedAccessException;
            if (!unreadable) throw new InvalidOperationException($"{Images[index].Path}: {error.Message}", error);
            if (BadImages == BadImages.Throw) ExceptionDispatchInfo.Throw(error);
            bad.TryAdd(index, error.Message);
        }
    }
}
