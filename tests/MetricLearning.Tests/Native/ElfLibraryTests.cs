using CsCheck;

namespace MetricLearning.Tests;

public class ElfLibraryTests
{
    private const string Mark = "GLIBCXX_3.4.32", Wait = "GLIBCXX_3.4.30";

    private static readonly Lazy<byte[]> library = new(() =>
    {
        var path = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");
        Assert.SkipUnless(File.Exists(path), "needs TorchSharp's native library for Linux");
        return File.ReadAllBytes(path);
    });

    [Fact]
    public void ReadsWhatTheLibraryNeeds()
    {
        var elf = new ElfLibrary(library.Value);
        foreach (var name in (string[])["libtorch.so", "libc10.so", "libtorch_cpu.so", "libstdc++.so.6", "libc.so.6"]) Assert.Contains(name,
            elf.Needed);
        Assert.Contains(elf.VersionNeeds, n => n is { Library: "libstdc++.so.6", Version: Mark });
        Assert.Contains(elf.VersionNeeds, n => n is { Library: "libc.so.6", Version: "GLIBC_2.34" });
        Assert.Equal(elf.VersionNeeds.Count, elf.VersionNeeds.Select(n => n.Index).Distinct().Count());
    }

    [Fact]
    public void WeakensTheOneNeedThatNothingUses()
    {
        var before = library.Value.ToArray();
        var elf = new ElfLibrary(library.Value);
        var copy = elf.Weakened(olderWait: false)!;
        var need = elf.VersionNeeds.Single(n => n.Version == Mark);
        Assert.Equal([need.FlagsOffset], Differences(library.Value, copy));
        Assert.Equal(2, copy[need.FlagsOffset]);
        Assert.Equal(before, library.Value);
        Assert.Null(new ElfLibrary(copy).Weakened(olderWait: false));
    }

    [Fact]
    public void UsesTheOlderWaitIfAsked()
    {
        var elf = new ElfLibrary(library.Value);
        var copy = elf.Weakened(olderWait: true)!;
        var weak = elf.VersionNeeds.Where(n => (copy[n.FlagsOffset] & 2) != 0).Select(n => n.Version);
        Assert.Equal([Wait, Mark], weak.Order());
        // Two flags and the version index of one symbol.
        Assert.Equal(3, Differences(library.Value, copy).Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(4096)]
    [InlineData(0x3f900)]
    [InlineData(0x3fb00)]
    public void RefusesATruncatedLibrary(int length) =>
        Assert.Throws<InvalidDataException>(() => new ElfLibrary(library.Value[..length]));

    [Fact]
    public void RefusesAFileThatIsNotALibrary()
    {
        Assert.Throws<InvalidDataException>(() => new ElfLibrary(new byte[1000]));
        var of32Bits = library.Value.ToArray();
        of32Bits[4] = 1;
        Assert.Throws<InvalidDataException>(() => new ElfLibrary(of32Bits));
    }

    [Fact]
    public void MangledBytesGiveACopyOfTheSameLengthOrAClearRefusal()
    {
        // The tables that are read lie in the first 0x52000 bytes and in the dynamic section, so most edits are there.
        var original = library.Value;
        var place = Gen.OneOf(Gen.Int[0, 0x400], Gen.Int[0x3d000, 0x40000], Gen.Int[0x1d4b18, 0x1d4d48], Gen.Int[0, original.Length - 9]);
        var edit = Gen.Select(place, Gen.OneOf(Gen.ULong, Gen.ULong[0, 64], Gen.Const(ulong.MaxValue),
            Gen.ULong[0, (ulong)original.Length]), Gen.Int[1, 8]);
        var (copies, refused) = (0, 0);
        edit.Array[1, 6].Sample(edits =>
        {
            var mangled = original.ToArray();
            foreach (var (at, value, size) in edits) BitConverter.GetBytes(value).AsSpan(0, size).CopyTo(mangled.AsSpan(at));
            var before = mangled.ToArray();
            try
            {
                var elf = new ElfLibrary(mangled);
                foreach (var olderWait in (bool[])[false, true])
                    if (elf.Weakened(olderWait) is { } copy)
                    {
                        copies++;
                        Assert.Equal(mangled.Length, copy.Length);
                        Assert.InRange(Differences(mangled, copy).Count, 1, 64);
                    }
            }
            catch (InvalidDataException)
            {
                refused++;
            }
            Assert.True(mangled.AsSpan().SequenceEqual(before));
        }, iter: 200, threads: 1);
        Assert.True(copies > 0 && refused > 0, $"{copies} copies, {refused} refusals");
    }

    private static List<int> Differences(ReadOnlySpan<byte> x, ReadOnlySpan<byte> y)
    {
        var places = new List<int>();
        for (var at = x.CommonPrefixLength(y); at < x.Length; at += 1 + x[(at + 1)..].CommonPrefixLength(y[(at + 1)..])) places.Add(at);
        return places;
    }
}
