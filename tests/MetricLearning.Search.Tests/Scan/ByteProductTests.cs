namespace MetricLearning.Search.Tests;

public unsafe class ByteProductTests
{
    [Theory]
    [InlineData(16, false)]
    [InlineData(48, false)]
    [InlineData(512, false)]
    [InlineData(16, true)]
    [InlineData(RowShape.LargestWidth, true)]
    public void Sums_AreThoseOfAPlainLoop(int padded, bool largest)
    {
        Assert.SkipUnless(ByteProduct.IsSupported, "This processor has no AVX-VNNI.");
        var random = new Random(padded);
        var (rows, queries) = (Integers(Sieve.Panel), Integers(Sieve.Strip));
        var (strip, panel) = (new int[ByteProduct.StripLength(padded)], new int[Sieve.Panel * padded / ByteProduct.Quad]);
        var (working, sums) = (new byte[Sieve.Panel * padded], new int[Sieve.Strip * Sieve.Panel]);
        var memory = rows.SelectMany(row => row).ToArray();
        fixed (sbyte* address = memory)
        fixed (byte* bytes = working)
        fixed (int* strips = strip, panels = panel, result = sums)
        {
            for (var query = 0; query < queries.Length; query++) ByteProduct.Write(queries[query], strips, query);
            var addresses = stackalloc long[Sieve.Panel];
            for (var row = 0; row < Sieve.Panel; row++) addresses[row] = (long)(address + row * padded);
            ByteProduct.Pack(addresses, padded, bytes, panels);
            ByteProduct.Sums(strips, panels, padded / ByteProduct.Quad, result);
        }
        for (var query = 0; query < queries.Length; query++)
            for (var row = 0; row < rows.Length; row++)
                Assert.Equal(queries[query].Zip(rows[row], (x, y) => x * y).Sum(), sums[query * Sieve.Panel + row]);

        sbyte[][] Integers(int count) =>
            [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, padded).Select(_ => Integer(i)).ToArray())];

        sbyte Integer(int i) => (sbyte)(!largest ? random.Next(-127, 128) : i % 2 == 0 ? 127 : -127);
    }
}
