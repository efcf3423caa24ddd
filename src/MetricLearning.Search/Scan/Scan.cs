using System.Numerics;
using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>A row and its exact score. A larger score means a nearer row.</summary>
internal readonly record struct Neighbor(int Row, double Score);

/// <summary>Finds the k nearest rows of each query. The bound of <see cref="Sieve"/> drops most rows. The exact scores of the others
/// decide.</summary>
/// <remarks>
/// Blocks of queries are compared with parts of the rows. One thread compares one block with one part. A part may drop a row only if k rows
/// have higher exact scores, wherever they are. So the answer is the same for any blocks, parts and threads.
/// </remarks>
internal sealed unsafe class Scan
{
    /// <summary>The approximate number of queries in a block. The integers of so many queries stay in the cache of the processor.</summary>
    private const int BlockQueries = 32 * Sieve.Strip;

    /// <summary>The smallest number of queries in a block, if there are several blocks. A smaller block would not be worth packing all rows
    /// for it.</summary>
    private const int FewestQueries = 8 * Sieve.Strip;

    private const int FewestRows = 2048;

    /// <summary>The number of tasks for each thread, so that all threads end at about the same time.</summary>
    private const int TasksPerThread = 4;

    /// <summary>The number of queries whose candidates one thread ranks before it takes the next ones.</summary>
    private const int QueriesAtOnce = 8;

    /// <summary>The greatest number of lists of candidates whose arrays come from the pool.</summary>
    private const int MostPooled = 16;

    /// <summary>The greatest number of candidates of a block.</summary>
    private const long MostCandidates = 4 << 20;

    private readonly ScanRows rows;
    private readonly QuerySet queries;
    private readonly RowRules rules;
    private readonly int k, threads, positions, parts, blockQueries;
    private readonly bool selectsPairs;
    private readonly double[] least;
    private readonly Candidates?[] found;
    private readonly CancellationToken cancellationToken;

    private Scan(ScanRows rows, QuerySet queries, int k, RowRules rules, int threads, CancellationToken cancellationToken)
    {
        (this.rows, this.queries, this.k, this.rules, this.threads) = (rows, queries, k, rules, threads);
        this.cancellationToken = cancellationToken;
        selectsPairs = rules.SelectsPairs;
        positions = rules.Rows?.Length ?? rows.Count;
        var memory = (int)Math.Max(1, MostCandidates / Math.Max(1, Candidates.Capacity(k, positions)));
        // Blocks occupy the threads better than parts do: a query has candidates of its own in each part. Blocks have about the same size,
        // because each of them packs all rows.
        var tasks = threads == 1 ? 1 : TasksPerThread * threads;
        var fewest = Math.Max(1, (int)Math.Round((double)queries.Count / BlockQueries));
        var blocks = Math.Max(fewest, Math.Min(tasks, queries.Count / FewestQueries));
        var even = (queries.Count + blocks - 1) / blocks;
        blockQueries = Math.Clamp((even + Sieve.Strip - 1) / Sieve.Strip * Sieve.Strip, 1, memory);
        parts = Blocks == 0 ? 0 : Math.Max(1, Math.Min(positions / FewestRows, (tasks + Blocks - 1) / Blocks));
        least = new double[queries.Count];
        Array.Fill(least, double.NegativeInfinity);
        found = new Candidates?[queries.Count * parts];
    }

    private int Blocks => (queries.Count + blockQueries - 1) / blockQueries;

    /// <summary>Returns the nearest rows of each query, nearest first.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="queries">The queries, about the same center.</param>
    /// <param name="k">The number of rows for each query, at least 1. A query gets fewer if there are fewer.</param>
    /// <param name="rules">Says which rows may be returned.</param>
    /// <param name="hit">Makes what is returned for a row. Several threads call it at once.</param>
    /// <param name="threads">The largest number of threads.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public static THit[][] Run<THit>(ScanRows rows, QuerySet queries, int k, RowRules rules, Converter<Neighbor, THit> hit, int threads,
        CancellationToken cancellationToken)
    {
        var scan = new Scan(rows, queries, k, rules, threads, cancellationToken);
        var nearest = new THit[queries.Count][];
        Threads.For(scan.Blocks * scan.parts, threads, task => scan.Look(task / scan.parts, task % scan.parts));
        Threads.For((queries.Count + QueriesAtOnce - 1) / QueriesAtOnce, threads, group =>
        {
            for (var query = group * QueriesAtOnce; query < Math.Min(queries.Count, (group + 1) * QueriesAtOnce); query++)
                nearest[query] = Array.ConvertAll(scan.Nearest(query), hit);
        });
        GC.KeepAlive(rows);
        GC.KeepAlive(queries);
        return nearest;
    }

    /// <summary>Collects the candidates of a block of queries in a part of the rows.</summary>
    private void Look(int block, int part)
    {
        var (first, count) = (block * blockQueries, Math.Min(blockQueries, queries.Count - block * blockQueries));
        var (start, end) = ((int)((long)positions * part / parts), (int)((long)positions * (part + 1) / parts));
        var lists = new Candidates[count];
        for (var i = 0; i < count; i++)
            found[(first + i) * parts + part] = lists[i] = new Candidates(k, end - start, pooled: found.Length <= MostPooled);
        using var compared = new QueryBlock(queries, rows.Shape.Padded, first, count, k, end - start);
        var panel = new PanelRows();
        for (var position = start; position < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            position = LookAtChunk(position, end, compared, lists, ref panel);
        }
        if (panel.Count > 0) Compare(compared, lists, ref panel);
    }

    /// <summary>Compares the rows of one chunk, from a position on, except for those that do not fill a panel yet; returns the position
    /// after them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int LookAtChunk(int position, int end, QueryBlock block, Candidates[] lists, ref PanelRows panel)
    {
        var given = rules.Rows;
        var firstRow = given is null ? position : given[position];
        var (sieve, whole) = (rows.Sieve(firstRow), rows.IsWhole(firstRow));
        var chunk = firstRow >> rows.Shape.ChunkShift;
        if (panel.Reach(sieve)) block.Reach(panel.LargestNorm, panel.LargestLength);
        // The processor fetches rows that follow one another by itself.
        var fetches = given is not null || rules.SelectsRows;
        for (; position < end; position++)
        {
            var row = given is null ? position : given[position];
            if (row >> rows.Shape.ChunkShift != chunk) break;
            var place = rows.Place(row);
            if (!whole && !rows.IsAlive(row) || rules.SelectsRows && !rules.Keeps(row)) continue;
            if (fetches) Prefetch.Bytes(sieve.Row(place), rows.Shape.Padded);
            panel.Add(row, sieve, place);
            if (panel.Count == Sieve.Panel) Compare(block, lists, ref panel);
        }
        return position;
    }

    /// <summary>Compares the block of queries with the rows of a panel, and empties it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Compare(QueryBlock block, Candidates[] lists, ref PanelRows panel)
    {
        var sums = stackalloc int[Sieve.Together * Sieve.Panel];
        fixed (long* addresses = panel.Addresses)
        fixed (PanelNumbers* numbers = &panel.Numbers)
        {
            for (var i = panel.Count; i < Sieve.Panel; i++) addresses[i] = addresses[0];
            var present = (1u << panel.Count) - 1;
            block.Take(addresses);
            for (var query = 0; query < lists.Length; query++)
            {
                var own = block.Sums(query, addresses, sums);
                ref readonly var q = ref block.Numbers(query);
                var bound = Volatile.Read(ref least[block.First + query]);
                var pass = Sieve.Pass(own, numbers, q.Weight, q.Reach, bound - q.Shift - block.Shared(query),
                    q.Length + panel.LargestLength) & present;
                // While no bound is known, every row passes, and a narrower error drops none.
                var again = block.ByBytes && !double.IsNegativeInfinity(bound);
                if (again) block.Note(BitOperations.PopCount(pass));
                if (pass == 0) continue;
                ref readonly var used = ref again ? ref block.Exact(query) : ref q;
                var shared = again ? block.ExactShared(query) : block.Shared(query);
                for (; pass != 0; pass &= pass - 1)
                {
                    var i = BitOperations.TrailingZeroCount(pass);
                    var sum = again ? block.Sum(query, addresses[i]) : own[i];
                    var middle = panel.Offsets[i] + used.Weight * numbers->Scales[i] * sum + used.Shift;
                    var error = used.Reach * numbers->Residuals[i] + shared;
                    Offer(block.First + query, lists[query], panel.Rows[i], middle - error, middle + error);
                }
            }
        }
        panel.Count = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Offer(int query, Candidates list, int row, double low, double high)
    {
        if (high < Volatile.Read(ref least[query]) || selectsPairs && !rules.Keeps(query, row)) return;
        if (!list.IsFull || high >= MakeRoom(query, list)) list.Add(row, low, high);
    }

    private double MakeRoom(int query, Candidates list)
    {
        var bound = list.MakeRoom(Scorer(query), rules);
        // Another thread may overwrite this with a lower bound, which is valid too.
        if (bound > Volatile.Read(ref least[query])) Volatile.Write(ref least[query], bound);
        return bound;
    }

    private Neighbor[] Nearest(int query)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var list = found[query * parts]!;
        for (var part = 1; part < parts; part++) list.Add(found[query * parts + part]!);
        return list.Nearest(Scorer(query), rules);
    }

    private QueryScorer Scorer(int query) => new(rows, queries.Vector(query), queries.Squares[query]);
}
