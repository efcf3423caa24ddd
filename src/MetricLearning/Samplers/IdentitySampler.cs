using System.Globalization;

namespace MetricLearning;

/// <summary>
/// The P×K identity sampler. Every batch has K images of each of P different identities, so each image has positives and negatives in its
/// own batch.
/// </summary>
/// <remarks>
/// <para>Images of one identity are adjacent: rows <c>[j·K, (j+1)·K)</c> of a batch are its j-th identity. Within such a group the images
/// differ if the identity has at least K of them (except under <see cref="CameraSpread.OtherCamerasOnly"/>).</para>
/// <para>The draw depends on which rows share a label, not on the labels' values. Drawing an epoch costs O(images + drawn).</para>
/// <para>Hermans, Beyer and Leibe, <i>In Defense of the Triplet Loss for Person Re-Identification</i>, 2017, name P and K. The published
/// systems differ in the definition of an epoch, in the treatment of identities with few images, and in the last batch.
/// <see cref="TorchReId"/>, <see cref="OpenReid"/>, <see cref="FastReIdNaive"/>, <see cref="FastReIdBalanced"/> and <see cref="MPerClass"/>
/// create a sampler that works like each of them.</para>
/// </remarks>
/// <example><code>
/// var sampler = new IdentitySampler(data.Train.Labels, identitiesPerBatch: 16, imagesPerIdentity: 4, seed: 1);
/// foreach (long[] rows in sampler.Batches())           // an epoch; the next call draws another one
///     Train(rows);
/// </code></example>
public sealed class IdentitySampler : Sampler
{
    private readonly int[] starts;      // the images of identity i are rows[starts[i]..starts[i + 1]]
    private readonly int[] rows;
    private readonly int[]? cameras;    // of each image
    private readonly RowsByCamera? byCamera;

    /// <summary>Creates a sampler over the images with these labels.</summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, the identities of a batch of all processes together, at least 1. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1; a loss over pairs needs 2. Default: 4.</param>
    /// <param name="smallIdentities">What happens to identities with fewer than K images. Default: their images are drawn with
    /// replacement.</param>
    /// <param name="epoch">The definition of an epoch. Default: <see cref="IdentityEpoch.AllImages"/>.</param>
    /// <param name="lastBatch">What happens to groups that do not fill a batch. Default: they are dropped.</param>
    /// <param name="cameras">The camera of each image, to put images of different cameras together; null to draw regardless of
    /// cameras.</param>
    /// <param name="cameraSpread">How cameras are mixed, if they are given. Default: <see cref="CameraSpread.OtherCamerasFirst"/>.</param>
    /// <param name="shard">The share of one process among several; P must be divisible by their number. Default: one process that takes the
    /// whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">There are fewer than P identities to draw from, the cameras do not match the labels, a batch or
    /// an epoch is larger than an array can be, or P cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">P or K is not positive, or an enum has no such value.</exception>
    public IdentitySampler(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4,
        SmallIdentities smallIdentities = SmallIdentities.DrawWithReplacement, IdentityEpoch epoch = default,
        LastBatch lastBatch = LastBatch.Drop, IReadOnlyList<long>? cameras = null,
        CameraSpread cameraSpread = CameraSpread.OtherCamerasFirst, SamplerShard shard = default, ulong seed = 0)
        : base(BatchSizeOf(identitiesPerBatch, imagesPerIdentity), seed, shard, imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (cameras is not null && cameras.Count != labels.Count)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"cameras must have one entry per image, {labels.Count}, got {cameras.Count}."), nameof(cameras));
        IdentitiesPerBatch = identitiesPerBatch;
        ImagesPerIdentity = imagesPerIdentity;
        SmallIdentities = Guard.Defined(smallIdentities);
        LastBatch = Guard.Defined(lastBatch);
        CameraSpread = Guard.Defined(cameraSpread);
        Epoch = epoch;
        (starts, rows, LeftOut) = Groups.Of(labels, smallIdentities == SmallIdentities.LeaveOut ? imagesPerIdentity : 1);
        if (Identities < identitiesPerBatch)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"labels must hold at least {identitiesPerBatch} identities, one for each place in a batch, got {Identities}")
                + (LeftOut > 0 ? string.Create(CultureInfo.InvariantCulture,
                    $" ({LeftOut} more have fewer than {imagesPerIdentity} images).") : "."),
                nameof(labels));
        this.cameras = cameras is null ? null : Groups.Number(cameras);
        byCamera = this.cameras is null ? null : new RowsByCamera(starts, rows, this.cameras);
        CheckEpochLength();
    }

    /// <summary>P: the number of identities of a batch of all processes together.</summary>
    public int IdentitiesPerBatch { get; }

    /// <summary>K: the number of images of each identity of a batch.</summary>
    public int ImagesPerIdentity { get; }

    /// <summary>What happens to identities with fewer than K images.</summary>
    public SmallIdentities SmallIdentities { get; }

    /// <summary>The definition of an epoch.</summary>
    public IdentityEpoch Epoch { get; }

    /// <summary>What happens to groups that do not fill a batch.</summary>
    public LastBatch LastBatch { get; }

    /// <summary>How cameras are mixed, if they are known.</summary>
    public CameraSpread CameraSpread { get; }

    /// <summary>The number of identities that take part.</summary>
    public int Identities => starts.Length - 1;

    /// <summary>The number of identities that were left out because they have fewer than K images.</summary>
    public int LeftOut { get; }

    /// <summary>
    /// The <c>RandomIdentitySampler</c> of torchreid, reid-strong-baseline (Bag of Tricks) and TransReID: all images in groups of K, small
    /// identities drawn with replacement, an incomplete last batch dropped.
    /// </summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, at least 1. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException">As for the constructor.</exception>
    /// <exception cref="ArgumentException">As for the constructor.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for the constructor.</exception>
    public static IdentitySampler TorchReId(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4,
        SamplerShard shard = default, ulong seed = 0) =>
        new(labels, identitiesPerBatch, imagesPerIdentity, shard: shard, seed: seed);

    /// <summary>The <c>RandomIdentitySampler</c> of open-reid: each identity once an epoch, and a smaller last batch.</summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, at least 1. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException">As for the constructor.</exception>
    /// <exception cref="ArgumentException">As for the constructor.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for the constructor.</exception>
    public static IdentitySampler OpenReid(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4,
        SamplerShard shard = default, ulong seed = 0) => new(labels, identitiesPerBatch, imagesPerIdentity,
            epoch: IdentityEpoch.EachIdentityOnce, lastBatch: LastBatch.Short, shard: shard, seed: seed);

    /// <summary>
    /// The <c>NaiveIdentitySampler</c> of fast-reid: all images in groups of K, again and again; an epoch is <c>images / (P·K)</c>
    /// iterations. (In fast-reid a pass continues over the end of an epoch; here each epoch begins a new pass.)
    /// </summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, the identities of a batch of all processes together, at least 1. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException">As for the constructor.</exception>
    /// <exception cref="ArgumentException">As for the constructor.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for the constructor.</exception>
    public static IdentitySampler FastReIdNaive(IReadOnlyList<long> labels, int identitiesPerBatch = 16, int imagesPerIdentity = 4,
        SamplerShard shard = default, ulong seed = 0) =>
        new(labels, identitiesPerBatch, imagesPerIdentity, shard: shard, seed: seed,
            epoch: IdentityEpoch.AllImages.WithBatches(IterationsOf(labels, identitiesPerBatch, imagesPerIdentity)));

    /// <summary>
    /// The <c>BalancedIdentitySampler</c> of fast-reid: each identity once, with images of other cameras than the first, again and again;
    /// an epoch is <c>images / (P·K)</c> iterations. (Where an identity has exactly K − 1 images of other cameras, fast-reid draws among
    /// them with replacement; here each is taken once.)
    /// </summary>
    /// <param name="labels">The identity of each image, any numbers.</param>
    /// <param name="cameras">The camera of each image, any numbers.</param>
    /// <param name="identitiesPerBatch">P, the identities of a batch of all processes together, at least 1. Default: 16.</param>
    /// <param name="imagesPerIdentity">K, at least 1. Default: 4.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentException">As for the constructor; the cameras must be given.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for the constructor.</exception>
    public static IdentitySampler FastReIdBalanced(IReadOnlyList<long> labels, IReadOnlyList<long> cameras, int identitiesPerBatch = 16,
        int imagesPerIdentity = 4, SamplerShard shard = default, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(cameras);
        return new(labels, identitiesPerBatch, imagesPerIdentity, cameras: cameras, cameraSpread: CameraSpread.OtherCamerasOnly,
            shard: shard, seed: seed,
            epoch: IdentityEpoch.EachIdentityOnce.WithBatches(IterationsOf(labels, identitiesPerBatch, imagesPerIdentity)));
    }

    /// <summary>
    /// The <c>MPerClassSampler</c> of pytorch-metric-learning with a batch size: every batch is a fresh draw of P classes.
    /// </summary>
    /// <param name="labels">The class of each image, any numbers.</param>
    /// <param name="classesPerBatch">P, at least 1.</param>
    /// <param name="samplesPerClass">K, at least 1.</param>
    /// <param name="lengthBeforeNewIteration">The number of images of an epoch, at least one batch; it is rounded down to whole batches.
    /// Default: 100,000.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentException">As for the constructor; <paramref name="lengthBeforeNewIteration"/> must be at least a
    /// batch.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As for the constructor.</exception>
    public static IdentitySampler MPerClass(IReadOnlyList<long> labels, int classesPerBatch, int samplesPerClass,
        int lengthBeforeNewIteration = 100_000, SamplerShard shard = default, ulong seed = 0) =>
        new(labels, Guard.AtLeast(classesPerBatch, 1), Guard.AtLeast(samplesPerClass, 1), shard: shard, seed: seed,
            epoch: IdentityEpoch.Independent(Guard.AtLeast(lengthBeforeNewIteration, BatchSizeOf(classesPerBatch, samplesPerClass))
                / BatchSizeOf(classesPerBatch, samplesPerClass)));

    /// <inheritdoc/>
    public override long[] Draw(int epoch) => Share(new Drawing(this, RandomOf(epoch)).Run());

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        if (Epoch.BatchCount is { } batches) return ShareOf(batches * WholeBatchSize);
        return Epoch.Pass == IdentityPass.AllImages ? base.CountIn(epoch)
            : ShareOf(LastBatch.LengthOf(Identities, IdentitiesPerBatch) * ImagesPerIdentity);
    }

    /// <summary>Refuses settings whose epoch would be larger than an array can be.</summary>
    private void CheckEpochLength()
    {
        if (Epoch.BatchCount is { } batches) SamplerSize.Product("an epoch", "epoch", batches, WholeBatchSize);
        else SamplerSize.Product("an epoch", "imagesPerIdentity", LastBatch.LengthOf(Identities, IdentitiesPerBatch), ImagesPerIdentity);
    }

    private static int BatchSizeOf(int identitiesPerBatch, int imagesPerIdentity) =>
        SamplerSize.Product("a batch", nameof(imagesPerIdentity), Guard.AtLeast(identitiesPerBatch, 1),
            Guard.AtLeast(imagesPerIdentity, 1));

    private static int IterationsOf(IReadOnlyList<long> labels, int identitiesPerBatch, int imagesPerIdentity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return Math.Max(1, labels.Count / BatchSizeOf(identitiesPerBatch, imagesPerIdentity));
    }

    /// <summary>The draw of one epoch: its own order of the images, and the indices drawn so far.</summary>
    private sealed class Drawing(IdentitySampler sampler, SeededRandom random)
    {
        private readonly int places = sampler.IdentitiesPerBatch;
        private readonly int size = sampler.ImagesPerIdentity;
        private readonly int[] starts = sampler.starts;
        private readonly int[] order = [.. sampler.rows];    // shuffled within identities
        private readonly List<long> drawn = new(sampler.Epoch.BatchCount is { } batches ? batches * sampler.WholeBatchSize
            : sampler.rows.Length);

        public long[] Run()
        {
            if (sampler.Epoch.BatchCount is not { } batches)
            {
                Pass(int.MaxValue, sampler.LastBatch);
                return [.. drawn];
            }
            var wanted = batches * sampler.WholeBatchSize;
            while (drawn.Count < wanted) Pass(wanted, LastBatch.Drop);
            return [.. drawn];
        }

        /// <summary>One pass through the data, which ends early once <paramref name="wanted"/> indices are drawn.</summary>
        private void Pass(int wanted, LastBatch lastBatch)
        {
            switch (sampler.Epoch.Pass)
            {
                case IdentityPass.AllImages: AllImages(wanted, lastBatch); break;
                case IdentityPass.EachIdentityOnce: EachIdentityOnce(wanted, lastBatch); break;
                default: Independent(wanted); break;
            }
        }

        private void Independent(int wanted)
        {
            var identities = All();
            while (drawn.Count < wanted)
            {
                Choose(identities, identities.Length, places);
                foreach (var identity in identities.AsSpan(identities.Length - places)) Group(identity);
            }
        }

        private void EachIdentityOnce(int wanted, LastBatch lastBatch)
        {
            var identities = All();
            random.Shuffle(identities.AsSpan());
            var rest = identities.Length % places;
            var end = lastBatch == LastBatch.Drop ? identities.Length - rest : identities.Length;
            for (var i = 0; i < end && drawn.Count < wanted; i++) Group(identities[i]);
            if (lastBatch == LastBatch.Fill && rest > 0)
                for (var i = 0; i < places - rest; i++) Group(identities[i]);
        }

        private void AllImages(int wanted, LastBatch lastBatch)
        {
            // Identities that have groups left come first; those from index `open` on are used up.
            var identities = All();
            var open = identities.Length;
            var taken = new int[identities.Length];
            foreach (var identity in identities) ShuffleWhole(identity);
            while (open >= places && drawn.Count < wanted) Batch(places);
            if (lastBatch == LastBatch.Short && open > 0) Batch(open);
            while (lastBatch == LastBatch.Fill && open > 0)
            {
                // Identities that are used up fill the batch with images drawn anew. They are chosen before the batch uses up more.
                var used = identities[open..];
                var more = places - open;
                Choose(used, used.Length, more);
                Batch(open);
                foreach (var identity in used.AsSpan(used.Length - more)) Group(identity);
            }

            void Batch(int count)
            {
                Choose(identities, open, count);
                for (var i = open - 1; count > 0; i--, count--)
                {
                    var identity = identities[i];
                    NextGroup(identity, taken[identity]++);
                    if (taken[identity] < GroupsOf(identity)) continue;
                    (identities[i], identities[open - 1]) = (identities[open - 1], identity);
                    open--;
                }
            }
        }

        private int[] All() => Enumerable.Range(0, sampler.Identities).ToArray();

        private int GroupsOf(int identity) => Math.Max(1, (starts[identity + 1] - starts[identity]) / size);

        /// <summary>Puts a random choice of <paramref name="count"/> of the first <paramref name="length"/> items at their end.</summary>
        private void Choose(int[] items, int length, int count)
        {
            for (var i = length - 1; i >= length - count; i--)
            {
                var j = random.NextInt(i + 1);
                (items[i], items[j]) = (items[j], items[i]);
            }
        }

        private void ShuffleWhole(int identity)
        {
            var own = order.AsSpan(starts[identity]..starts[identity + 1]);
            random.Shuffle(own);
            if (sampler.cameras is not null && own.Length > size) Deal(own);
        }

        /// <summary>The next group of K in the order that the identity was shuffled to.</summary>
        private void NextGroup(int identity, int group)
        {
            var own = order.AsSpan(starts[identity]..starts[identity + 1]);
            if (own.Length < size) Small(own);
            else Take(own.Slice(group * size, size));
        }

        /// <summary>K images of an identity, drawn anew.</summary>
        private void Group(int identity)
        {
            var own = order.AsSpan(starts[identity]..starts[identity + 1]);
            var onlyOthers = sampler.CameraSpread == CameraSpread.OtherCamerasOnly && own.Length > 1;
            if (sampler.byCamera is { } byCamera && (onlyOthers || own.Length >= size)) SpreadGroup(byCamera, identity, onlyOthers);
            else if (own.Length < size) Small(own);
            else Take(random.Choose(own, size));
        }

        /// <summary>K images of an identity, spread over cameras as <see cref="CameraSpread"/> says.</summary>
        private void SpreadGroup(RowsByCamera byCamera, int identity, bool onlyOthers)
        {
            var (first, end) = (starts[identity], starts[identity + 1]);
            var place = first + random.NextInt(end - first);
            var beside = byCamera.CountAt(place) - 1;
            var elsewhere = end - first - 1 - beside;
            drawn.Add(byCamera[place]);
            var left = size - 1;
            if (onlyOthers)
            {
                if (elsewhere > 0) TakeOthers(left);
                else TakeBeside(left);
                return;
            }
            var others = Math.Min(elsewhere, left);
            TakeOthers(others);
            TakeBeside(left - others);

            void TakeOthers(int count)
            {
                foreach (var number in Numbers(elsewhere, count)) drawn.Add(byCamera.Elsewhere(place, first, number));
            }

            void TakeBeside(int count)
            {
                foreach (var number in Numbers(beside, count)) drawn.Add(byCamera.Beside(place, number));
            }
        }

        /// <summary>Random numbers below <paramref name="bound"/>: different ones if there are enough.</summary>
        private int[] Numbers(int bound, int count)
        {
            var numbers = new int[count];
            // Different numbers are the first places of a shuffled list of all. Only the numbers that were moved are stored.
            var moved = new Dictionary<int, int>();
            for (var i = 0; i < count; i++)
            {
                var j = bound < count ? random.NextInt(bound) : i + random.NextInt(bound - i);
                numbers[i] = moved.GetValueOrDefault(j, j);
                if (bound >= count) moved[j] = moved.GetValueOrDefault(i, i);
            }
            return numbers;
        }

        /// <summary>K draws from fewer than K images.</summary>
        private void Small(Span<int> own)
        {
            if (sampler.SmallIdentities == SmallIdentities.DrawWithReplacement)
            {
                for (var i = 0; i < size; i++) drawn.Add(own[random.NextInt(own.Length)]);
                return;
            }
            for (var left = size; left > 0; left -= own.Length)
            {
                random.Shuffle(own);
                Take(own[..Math.Min(left, own.Length)]);
            }
        }

        /// <summary>Deals shuffled images to groups of K, so that the groups together have as many different cameras as possible. The
        /// images that are left over come last, and are those of the cameras with the most images.</summary>
        private void Deal(Span<int> own)
        {
            var cameras = sampler.cameras!;
            var (dealt, ranks, keys) = (new Dictionary<int, int>(), new Dictionary<int, int>(), new long[own.Length]);
            for (var i = 0; i < own.Length; i++)
            {
                var camera = cameras[own[i]];
                dealt[camera] = dealt.GetValueOrDefault(camera) + 1;
                ranks.TryAdd(camera, ranks.Count);
                keys[i] = ((long)dealt[camera] << 32) | (uint)i;
            }
            keys.AsSpan().Sort(own);
            // Camera after camera, each image goes to the next group. A camera is then twice in a group only if it has more images than
            // there are groups.
            var groups = own.Length / size;
            var kept = own[..(groups * size)];
            for (var i = 0; i < kept.Length; i++) keys[i] = ((long)ranks[cameras[kept[i]]] << 32) | (uint)i;
            keys.AsSpan(0, kept.Length).Sort(kept);
            int[] inTurn = [.. kept];
            for (var i = 0; i < inTurn.Length; i++) kept[i % groups * size + i / groups] = inTurn[i];
        }

        private void Take(ReadOnlySpan<int> chosen)
        {
            foreach (var row in chosen) drawn.Add(row);
        }
    }
}
