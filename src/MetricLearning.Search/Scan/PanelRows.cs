using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>The rows of a panel that is being filled, the queries that are compared with it, and working memory.</summary>
/// <param name="firstQuery">The first query.</param>
/// <param name="lists">The candidates of each query.</param>
/// <param name="wide">Memory for the panel's rows as 16-bit integers.</param>
/// <param name="pairs">Memory for the same in pairs.</param>
/// <param name="strips">The queries in strips.</param>
/// <param name="packs">Whether the rows are packed. If not, the memory for them is not used.</param>
/// <param name="shared">Memory for a number of each query: the part of its error bound that all rows share.</param>
internal unsafe struct PanelRows(int firstQuery, Candidates[] lists, short* wide, int* pairs, int* strips, bool packs, double* shared)
{
    /// <summary>The addresses of the rows' integers.</summary>
    public fixed long Addresses[Sieve.Panel];

    /// <summary>The numbers of the rows.</summary>
    public fixed int Rows[Sieve.Panel];

    /// <summary>A of the rows.</summary>
    public fixed double Offsets[Sieve.Panel];

    /// <summary>The numbers of the rows that the bound needs.</summary>
    public PanelNumbers Numbers;

    /// <summary>The number of rows.</summary>
    public int Count;

    public readonly int FirstQuery => firstQuery;
    public readonly Candidates[] Lists => lists;
    public readonly short* Wide => wide;
    public readonly int* Pairs => pairs;
    public readonly int* Strips => strips;
    public readonly bool Packs => packs;
    public readonly double* Shared => shared;

    /// <summary>The largest <see cref="SieveChunk.LargestNorm"/> of the chunks so far.</summary>
    public double LargestNorm { get; private set; } = -1;

    /// <summary>The largest <see cref="SieveChunk.LargestLength"/> of the chunks so far.</summary>
    public double LargestLength { get; private set; } = -1;

    /// <summary>Takes note of a chunk; returns whether one of the largest numbers has grown.</summary>
    public bool Reach(SieveChunk chunk)
    {
        var (norm, length) = (Math.Max(LargestNorm, chunk.LargestNorm), Math.Max(LargestLength, chunk.LargestLength));
        var grown = norm > LargestNorm || length > LargestLength;
        (LargestNorm, LargestLength) = (norm, length);
        return grown;
    }

    /// <summary>Adds a row of a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int row, SieveChunk sieve, int place)
    {
        Addresses[Count] = (long)sieve.Row(place);
        Rows[Count] = row;
        Numbers.Scales[Count] = sieve.Scale(place);
        Numbers.Residuals[Count] = sieve.Residual(place);
        Offsets[Count] = sieve.Offset(place);
        Numbers.Offsets[Count] = (float)Offsets[Count];
        Count++;
    }
}
