using System.IO.Compression;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class MatFileTests
{
    public static TheoryData<bool> Forms => [true, false];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_WhatSciPyWrote(bool compressed)
    {
        using var scope = NewDisposeScope();
        using var arrays = MatFile.Read(new MemoryStream(compressed ? PublishedArrays.MatlabCompressed : PublishedArrays.Matlab));
        Assert.Equal(["gallery_f", "gallery_label", "gallery_cam", "flag", "big", "u32", "cube"], arrays.Keys);
        Assert.Equal(ScalarType.Float32, arrays["gallery_f"].dtype);
        Assert.Equal([2, 3], arrays["gallery_f"].shape);
        Assert.Equal([.5f, 1.5f, 2.5f, 3.5f, 4.5f, 5.5f], arrays["gallery_f"].data<float>().ToArray());
        Assert.Equal([1, 2], arrays["gallery_label"].shape);
        Assert.Equal([3L, -1], arrays["gallery_label"].data<long>().ToArray());
        Assert.Equal([true, false], arrays["flag"].data<bool>().ToArray());
        Assert.Equal([300.0, 1], arrays["big"].data<double>().ToArray());
        Assert.Equal([uint.MaxValue], arrays["u32"].data<long>().ToArray());
        Assert.Equal([2, 3, 4], arrays["cube"].shape);
        Assert.Equal(Enumerable.Range(0, 24).Select(i => (short)i), arrays["cube"].data<short>().ToArray());
    }

    /// <summary>Arrays that SciPy reads as numbers are read. Other contents are left out and listed by name. They are never taken for
    /// numbers.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_LeavesOutContentsThatAreNotArraysOfNumbers(bool compressed)
    {
        using var arrays = MatFile.Read(new MemoryStream(compressed ? PublishedArrays.MatlabMixedCompressed : PublishedArrays.MatlabMixed));
        Assert.Equal(["x", "u16", "u32", "y"], arrays.Keys);
        Assert.Equal([1.5, 2, 3, 4, 5, 6], arrays["x"].data<double>().ToArray());
        Assert.Equal([1, 65535], arrays["u16"].data<int>().ToArray());
        Assert.Equal([7L, uint.MaxValue], arrays["u32"].data<long>().ToArray());
        Assert.Equal(["mask", "sparse", "st", "u64", "z"], arrays.LeftOut.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("complex numbers", arrays.LeftOut["z"]);
        Assert.Equal("'mask' cannot be read: it is a sparse matrix; save its full form.",
            Assert.Throws<KeyNotFoundException>(() => arrays["mask"]).Message);
        Assert.Equal("'u64' cannot be read: it is unsigned numbers of 64 bits, of which some are larger than int64 holds.",
            Assert.Throws<KeyNotFoundException>(() => arrays["u64"]).Message);
    }

    /// <summary>MATLAB writes strings, tables and dates as objects without dimensions. It writes their contents into a variable without a
    /// name at the end of the file.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_LeavesOutObjectsAndTheirWorkspace(bool compressed)
    {
        byte[] opaque = Variable(17, "names", sizes: null,
            [.. Element(1, [.. "MCOS"u8]), .. Element(1, [.. "string"u8]), .. Variable(13, "", [1, 1], Element(6, [0, 0, 0, 0xdd]))]);
        byte[] workspace = Variable(9, "", [1, 8], Element(2, [0, 1, 2, 3, 4, 5, 6, 7]));
        byte[] numbers = Variable(6, "x", [1, 2], Element(2, [3, 4]));
        byte[] file = [.. PublishedArrays.Matlab[..128], .. Stored(opaque), .. Stored(numbers), .. Stored(workspace)];
        using var arrays = MatFile.Read(new MemoryStream(file));
        Assert.Equal(["x"], arrays.Keys);
        Assert.Equal([3.0, 4], arrays["x"].data<double>().ToArray());
        Assert.Equal("an object, such as a string, a table or a date", arrays.LeftOut["names"]);
        Assert.Single(arrays.LeftOut);

        byte[] Stored(byte[] variable) => compressed ? Packed(variable) : variable;
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_OfSomeNames_IgnoresTheOtherArrays(bool compressed)
    {
        byte[] good = Variable(6, "x", [1, 2], Element(2, [3, 4])), odd = Variable(6, "odd", [1, 2], Element(99, [3, 4]));
        byte[] file = [.. PublishedArrays.Matlab[..128], .. compressed ? Packed(odd) : odd, .. compressed ? Packed(good) : good];
        Refuses(file, "the numbers of 'odd' are stored as type 99, which is unknown");
        using var arrays = MatFile.Read(new MemoryStream(file), names: ["x", "more"]);
        Assert.Equal(["x"], arrays.Keys);
        Assert.Contains("There is no tensor 'more'", Assert.Throws<KeyNotFoundException>(() => arrays["more"]).Message);
    }

    /// <summary>The test changes bytes of a compressed array that come after its name.</summary>
    [Fact]
    public void Read_SaysThatCompressedBytesAreDamaged()
    {
        var random = new SeededRandom(1);
        var numbers = new byte[4000];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = (byte)random.NextInt(256);
        byte[] big = Packed(Variable(9, "big", [1, numbers.Length], Element(2, numbers)));
        byte[] good = Packed(Variable(6, "x", [1, 2], Element(2, [3, 4])));
        for (var at = 200; at < big.Length - 8; at += 97) big[at] ^= 0x55;
        byte[] file = [.. PublishedArrays.Matlab[..128], .. big, .. good];
        Refuses(file, "the compressed bytes of an array are damaged");
        using var arrays = MatFile.Read(new MemoryStream(file), names: ["x"]);
        Assert.Equal(["x"], arrays.Keys);
    }

    [Fact]
    public void Read_ABigEndianFile_AndNumbersStoredInFewerBytes()
    {
        byte[] file =
        [
            .. new byte[124], 1, 0, (byte)'M', (byte)'I',
            .. Element(14, [.. Element(6, [0, 0, 0, 6, 0, 0, 0, 0]), .. Element(5, [0, 0, 0, 1, 0, 0, 0, 3]), 0, 1, 0, 1, (byte)'x', 0, 0,
                0,
                .. Element(3, [0, 1, 0xff, 0xfe, 1, 0])]),
        ];
        using var arrays = MatFile.Read(new MemoryStream(file));
        Assert.Equal(ScalarType.Float64, arrays["x"].dtype);
        Assert.Equal([1.0, -2, 256], arrays["x"].data<double>().ToArray());

        static byte[] Element(byte type, byte[] bytes) =>
            [0, 0, 0, type, 0, 0, 0, (byte)bytes.Length, .. bytes, .. new byte[-bytes.Length & 7]];
    }

    [Fact]
    public void Read_OfAFileThatIsNotAMatFile_IsRefused()
    {
        Refuses([], "it does not begin with the header of a file of version 5");
        Refuses(new byte[200], "it does not begin with the header of a file of version 5");
        byte[] signature = [0x89, .. "HDF\r\n\u001a\n"u8, .. new byte[100]];
        Refuses([.. "MATLAB 7.3 MAT-file"u8, .. new byte[493], .. signature], "it is of version 7.3, which is HDF5; save it with -v7");
        Refuses([.. "MATLAB 7.3 MAT-file"u8, .. new byte[200]], "it is of version 7.3, which is HDF5, and cut short");
        // Programs other than MATLAB write another text, or none.
        Refuses([.. PublishedArrays.Matlab[..128], .. new byte[384], .. signature], "it is of version 7.3, which is HDF5; save it with");
        Refuses(signature, "it is an HDF5 file; save it with -v7");
        Refuses(PublishedArrays.MatlabVersion4, "it is of version 4; save it with -v7");
        Refuses(PublishedArrays.Matlab[..300], "are left");
        Refuses(PublishedArrays.Matlab[..130], "it ends within numeric array");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException(bool compressed) =>
        Fuzz.Mutations(compressed ? PublishedArrays.MatlabCompressed : PublishedArrays.Matlab,
            file => MatFile.Read(new MemoryStream(file)));

    /// <summary>The file stores zeros in one byte each, compressed, but declares them as doubles.</summary>
    [Fact]
    public void Read_OfMoreThanMaxBytes_IsRefused()
    {
        const int count = 1_000_000;
        byte[] file = [.. PublishedArrays.Matlab[..128], .. Packed(Variable(6, "x", [1, count], Element(2, new byte[count])))];
        using (var read = MatFile.Read(new MemoryStream(file))) Assert.Equal(count, read["x"].numel());
        var message = Assert.Throws<InvalidDataException>(() => MatFile.Read(new MemoryStream(file), 7_999_999)).Message;
        Assert.Equal($"it needs 8,000,512 bytes of memory for a file of {file.Length:N0} bytes, but 7,999,999 are allowed; "
            + "maxBytes sets the limit", message);
    }

    private static byte[] Variable(byte kind, string name, int[]? sizes, byte[] content) => Element(14,
        [.. Element(6, [kind, 0, 0, 0, 0, 0, 0, 0]), .. sizes is null ? [] : Element(5, [.. sizes.SelectMany(BitConverter.GetBytes)]),
            .. Element(1, System.Text.Encoding.UTF8.GetBytes(name)), .. content]);

    private static byte[] Element(int type, byte[] bytes) =>
        [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(bytes.Length), .. bytes, .. new byte[-bytes.Length & 7]];

    private static byte[] Packed(byte[] element)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(element);
        return [.. BitConverter.GetBytes(15), .. BitConverter.GetBytes((int)packed.Length), .. packed.ToArray()];
    }

    private static void Refuses(byte[] file, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => MatFile.Read(new MemoryStream(file))).Message);
}
