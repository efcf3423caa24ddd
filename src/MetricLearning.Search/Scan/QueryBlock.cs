using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace MetricLearning.Search;

/// <summary>A block of queries that are compared with one panel of rows after another, and the memory that this takes.</summary>
/// <remarks>
/// A panel is compared by 16-bit integers of the queries, or by 8-bit integers if the processor has <see cref="ByteProduct"/>. The 8-bit
/// integers are faster, but their error bound is about twice as wide. So a row that passes it is compared again by the 16-bit integers.
/// This pays if few rows pass. The first rows pass more often than later ones, so they are compared by 16 bits. If too many rows pass
/// later, the next ones are compared by 16 bits until the number of rows has doubled.
/// </remarks>
internal sealed unsafe class QueryBlock : IDisposable
{
    /// <summary>The largest number of queries for which rows are read without packing. For more queries, packing saves time.</summary>
    private const int RowByRow = 2;

    /// <summary>The number of rows for each wanted row that are compared by 16 bits at the start.</summary>
    private const int FirstRows = 32;

    /// <summary>8-bit integers pay if at most one row in so many passes.</summary>
    private const int LeastPerPass = 12;

    /// <summary>The number of comparisons after which the share that passes is looked at.</summary>
    private const long Window = 1 << 18;

    private readonly QuerySet queries;
    private readonly int padded;
    private readonly bool packs;
    private readonly byte* memory;
    private readonly double* shared, sharedOfBytes;
    private readonly int* working, panel, strips, byteStrips;
    private readonly QueryNumbers[] byteNumbers = [];
    private long seen, bytesFrom, compared, passed;

    /// <param name="queries">All queries.</param>
    /// <param name="padded">The integers in a row, a multiple of 16.</param>
    /// <param name="first">The first query of the block.</param>
    /// <param name="count">The number of queries of the block.</param>
    /// <param name="k">The number of rows that each query wants.</param>
    /// <param name="rows">The number of rows that the block is compared with.</param>
    public QueryBlock(QuerySet queries, int padded, int first, int count, int k, int rows)
    {
        (this.queries, this.padded, First, Count) = (queries, padded, first, count);
        packs = Avx2.IsSupported && count > RowByRow;
        // 8-bit integers of the queries are made only if many rows are compared by them.
        var usesBytes = packs && ByteProduct.IsSupported && rows >= 2L * FirstRows * k;
        bytesFrom = usesBytes ? (long)FirstRows * k : long.MaxValue;
        var whole = (count + Sieve.Strip - 1) / Sieve.Strip;
        var numbers = (nuint)(count + 7) / 8 * 8 * sizeof(double);
        var row = packs ? Sieve.Panel * (nuint)padded * sizeof(short) : 0;
        var words = packs ? (nuint)whole * Sieve.Strip * (nuint)padded * sizeof(short) : 0;
        var bytes = usesBytes ? (nuint)whole * (nuint)ByteProduct.StripLength(padded) * sizeof(int) : 0;
        memory = (byte*)NativeMemory.AlignedAlloc(2 * numbers + 2 * row + words + bytes, 64);
        try
        {
            shared = (double*)memory;
            sharedOfBytes = (double*)(memory + numbers);
            working = (int*)(memory + 2 * numbers);
            panel = (int*)(memory + 2 * numbers + row);
            strips = (int*)(memory + 2 * numbers + 2 * row);
            byteStrips = (int*)(memory + 2 * numbers + 2 * row + words);
            if (packs) queries.Write(first, count, strips);
            if (usesBytes) byteNumbers = queries.WriteBytes(first, count, byteStrips);
        }
        catch
        {
            // No object is made that could free it.
            NativeMemory.AlignedFree(memory);
            throw;
        }
    }

    /// <summary>The first query.</summary>
    public int First { get; }

    /// <summary>The number of queries.</summary>
    public int Count { get; }

    /// <summary>Whether the panel is compared by 8-bit integers.</summary>
    public bool ByBytes { get; private set; }

    /// <summary>The numbers of a query for the integers that the panel is compared by.</summary>
    public ref readonly QueryNumbers Numbers(int query) => ref ByBytes ? ref byteNumbers[query] : ref Exact(query);

    /// <summary>The numbers of a query for its 16-bit integers.</summary>
    public ref readonly QueryNumbers Exact(int query) => ref queries.Numbers[First + query];

    /// <summary>The part of the error bound of a query that all rows share, for the integers that the panel is compared by.</summary>
    public double Shared(int query) => (ByBytes ? sharedOfBytes : shared)[query];

    /// <summary>The same for 16-bit integers.</summary>
    public double ExactShared(int query) => shared[query];

    /// <summary>Computes the parts of the error bounds that all rows share.</summary>
    /// <param name="largestNorm">The largest <see cref="SieveChunk.LargestNorm"/>.</param>
    /// <param name="largestLength">The largest <see cref="SieveChunk.LargestLength"/>.</param>
    public void Reach(double largestNorm, double largestLength)
    {
        for (var query = 0; query < Count; query++)
        {
            var rounding = Sieve.Rounding(padded, Exact(query).Length + largestLength);
            shared[query] = Exact(query).Drift * largestNorm + rounding;
            if (byteNumbers.Length > 0) sharedOfBytes[query] = byteNumbers[query].Drift * largestNorm + rounding;
        }
    }

    /// <summary>Takes the next panel.</summary>
    /// <param name="rows">The addresses of its rows.</param>
    public void Take(long* rows)
    {
        if (compared >= Window)
        {
            if (passed * LeastPerPass > compared) bytesFrom = 2 * seen;
            compared = passed = 0;
        }
        ByBytes = seen >= bytesFrom;
        seen += Sieve.Panel;
        if (ByBytes) ByteProduct.Pack(rows, padded, (byte*)working, panel);
        else if (packs) Sieve.Pack(rows, padded, (short*)working, panel);
    }

    /// <summary>Notes how many rows of the panel have passed the bound of a query.</summary>
    public void Note(int rows)
    {
        compared += Sieve.Panel;
        passed += rows;
    }

    /// <summary>Computes the sums of products of a query with the rows of the panel. Queries must follow one another.</summary>
    /// <param name="query">The query.</param>
    /// <param name="rows">The addresses of the rows.</param>
    /// <param name="sums">Memory for <see cref="Sieve.Together"/> panels of sums. It must be the same for all queries.</param>
    /// <returns>The address of the sums.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int* Sums(int query, long* rows, int* sums)
    {
        if (!packs)
        {
            Sieve.Sums(rows, queries.Codes(First + query), padded, sums);
            return sums;
        }
        var place = query % Sieve.Together;
        if (place == 0) Together(query, sums);
        return sums + place * Sieve.Panel;
    }

    /// <summary>Computes the sum of products of a query's 16-bit integers with a row.</summary>
    public int Sum(int query, long row) => Sieve.Sum((sbyte*)row, queries.Codes(First + query), padded);

    public void Dispose() => NativeMemory.AlignedFree(memory);

    private void Together(int query, int* sums)
    {
        var both = Count - query > Sieve.Strip;
        if (!ByBytes)
        {
            FixedPoint.Sums(strips + (long)query * (padded / 2), both ? FixedPoint.MostStrips : 1, (long)Sieve.Strip * (padded / 2), panel,
                padded / 2, sums, FixedPoint.IsWide);
            return;
        }
        var strip = byteStrips + (long)(query / Sieve.Strip) * ByteProduct.StripLength(padded);
        ByteProduct.Sums(strip, panel, padded / ByteProduct.Quad, sums);
        if (both)
            ByteProduct.Sums(strip + ByteProduct.StripLength(padded), panel, padded / ByteProduct.Quad, sums + Sieve.Strip * Sieve.Panel);
    }
}
