using System.Runtime.CompilerServices;

namespace MetricLearning.Search;

/// <summary>The rows of a panel that is being filled.</summary>
internal unsafe struct PanelRows()
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
