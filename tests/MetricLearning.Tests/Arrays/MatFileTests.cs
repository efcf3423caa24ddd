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
    public void Read_WhatIsNoSuchFile()
    {
        Refuses([], "it does not begin as a file of version 5 does");
        Refuses(new byte[200], "it does not begin as a file of version 5 does");
        Refuses([.. "MATLAB 7.3 MAT-file"u8, .. new byte[200]], "it is of version 7.3, which is HDF5");
        Refuses(PublishedArrays.Matlab[..300], "are left");
        Refuses(PublishedArrays.Matlab[..130], "it ends within an array");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException(bool compressed) =>
        Fuzz.Mutations(compressed ? PublishedArrays.MatlabCompressed : PublishedArrays.Matlab,
            file => MatFile.Read(new MemoryStream(file)));

    /// <summary>Zeros of one byte each, compressed, are said to be doubles.</summary>
    [Fact]
    public void Read_OfMoreThanMaxBytes_IsRefused()
    {
        const int count = 1_000_000;
        byte[] Element(int type, byte[] bytes) => [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(bytes.Length), .. bytes];
        byte[] array = Element(14, [.. Element(6, [6, 0, 0, 0, 0, 0, 0, 0]), .. Element(5, [1, 0, 0, 0, .. BitConverter.GetBytes(count)]),
            .. Element(1, [.. "x\0\0\0\0\0\0\0"u8]), .. Element(2, new byte[count])]);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(array);
        byte[] file = [.. PublishedArrays.Matlab[..128], .. Element(15, packed.ToArray())];
        using (var read = MatFile.Read(new MemoryStream(file))) Assert.Equal(count, read["x"].numel());
        var message = Assert.Throws<InvalidDataException>(() => MatFile.Read(new MemoryStream(file), 7_999_999)).Message;
        Assert.Equal($"it would take 8,000,512 bytes of memory, from a file of {file.Length:N0}, and 7,999,999 are allowed; "
            + "maxBytes sets how many", message);
    }

    private static void Refuses(byte[] file, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => MatFile.Read(new MemoryStream(file))).Message);
}
