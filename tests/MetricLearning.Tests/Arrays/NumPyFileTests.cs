using System.Buffers.Binary;
using System.Text;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class NumPyFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("numpy").FullName;

    private string FilePath => Path.Combine(folder, "array.npy");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Write_ThenRead_GivesTheSameTensor()
    {
        using var scope = NewDisposeScope();
        ScalarType[] types =
        [
            ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.Int64, ScalarType.Int32, ScalarType.Int16,
                ScalarType.Int8,
            ScalarType.Byte, ScalarType.Bool,
        ];
        foreach (var expected in types.Select(type => (rand(3, 2) * 3).to(type))
            .Concat([rand(4, 5).t(), tensor(2.5), zeros(0, 7), rand(3), rand(2, 3, 4)]))
        {
            NumPyFile.Write(FilePath, expected);
            var read = NumPyFile.Read(FilePath);
            Assert.Equal(expected.dtype, read.dtype);
            Assert.Equal(expected.shape, read.shape);
            Assert.True(expected.Equals(read));
        }
        Assert.Equal([FilePath], Directory.GetFiles(folder));
    }

    [Fact]
    public void Write_IsWhatNumPyWrites()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(FilePath, tensor(new[] { 1f, 2, 3, 4, 5, 6 }).reshape(2, 3));
        var expected = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".PadRight(117) + "\n",
            [.. Floats(1, 2, 3, 4, 5, 6)]);
        Assert.Equal(expected, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void Write_OfATypeThatNumPyDoesNotHave_LeavesTheOldFile()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(FilePath, ones(2));
        var error = Assert.Throws<ArgumentException>(() => NumPyFile.Write(FilePath, ones(2, ScalarType.BFloat16)));
        Assert.StartsWith("tensor must be bool, or integers or floats of a type that NumPy has, got BFloat16", error.Message);
        Assert.Equal([2], NumPyFile.Read(FilePath).shape);
    }

    [Theory]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", 8, null)]
    [InlineData("""{"shape":(2L,),"descr":"<f4","fortran_order":False}""", 8, null)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4, null)]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", 9, "<f4 [2, 1] needs 8 bytes, but 9 are left")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", 7, "<f4 [2, 1] needs 8 bytes, but 7 are left")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", 8,
        "its shape [9223372036854775807, 2] is not valid for an array")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", 8, "needs 4000000000000 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8,
        "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", 8, "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", 8, "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\0x", 8, "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,),", 8, "its header cannot be read at character")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}", 8, "lacks descr, fortran_order or shape")]
    [InlineData("{'descr': '<f4', 'descr': '<f4'}", 8, "a key 'descr' that is unknown or occurs twice")]
    [InlineData("{'descr': '<f4', 'more': 1}", 8, "a key 'more' that is unknown or occurs twice")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "records of several fields")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8, "Python objects, which are never executed here")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, "it holds complex numbers (<c8)")]
    [InlineData("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", 16, "of type <f16, which TorchSharp does not have")]
    [InlineData("{'descr': '<f0', 'fortran_order': False, 'shape': (1,), }", 0, "its type '<f0' is unknown")]
    [InlineData("{'descr': 'float', 'fortran_order': False, 'shape': (1,), }", 8, "its type 'float' is unknown")]
    [InlineData("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", 8, "it holds text (<U2), not numbers")]
    public void Read_HeadersGoodAndBad(string header, int dataBytes, string? message)
    {
        var file = Array(header, new byte[dataBytes]);
        if (message is null) NumPyFile.Read(new MemoryStream(file)).Dispose();
        else Assert.Contains(message, Assert.Throws<InvalidDataException>(() => NumPyFile.Read(new MemoryStream(file))).Message);
    }

    [Fact]
    public void Read_OfAFileThatIsNotAnArray_IsRefused()
    {
        Refuses([], "it has 0 bytes");
        Refuses([.. Enumerable.Repeat((byte)'x', 40)], "it does not begin with the header of a .npy array");
        var file = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", new byte[4]);
        Refuses([.. file[..6], 4, .. file[7..]], "its format version is 4.0");
        Refuses([.. file[..7], 4, .. file[8..]], "its format version is 1.4, known are 1.0, 2.0 and 3.0");
        Refuses([.. file[..8], 0xff, 0xff, .. file[10..]], "its header declares 65535 bytes");
        Refuses([.. file[..6], 2, 0, 0xff, 0xff, 0xff, 0xff, .. file[10..]], "its header declares 4294967295 bytes");

        static void Refuses(byte[] file, string message) =>
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => NumPyFile.Read(new MemoryStream(file))).Message);
    }

    [Fact]
    public void Read_EveryVersion_Order_AndUnsignedNumbers()
    {
        using var scope = NewDisposeScope();
        var text = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }";
        byte[] numbers = [.. new[] { 1f, 4, 2, 5, 3, 6 }.SelectMany(x => BitConverter.GetBytes(x).Reverse())];
        var header = Encoding.ASCII.GetBytes(text);
        byte[] second = [0x93, .. "NUMPY"u8, 2, 0, (byte)header.Length, 0, 0, 0, .. header, .. numbers];
        byte[] third = [.. second[..6], 3, .. second[7..]];
        foreach (var file in new[] { Array(text, numbers), second, third })
            Assert.Equal([1f, 2, 3, 4, 5, 6], NumPyFile.Read(new MemoryStream(file)).data<float>().ToArray());

        Assert.Equal([1, 65535], Whole("<u2", [1, 0, 0xff, 0xff], ScalarType.Int32));
        Assert.Equal([1, 65535], Whole(">u2", [0, 1, 0xff, 0xff], ScalarType.Int32));
        Assert.Equal([uint.MaxValue, 2], Whole("<u4", [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0], ScalarType.Int64));
        Assert.Equal([255, 1], Whole("|u1", [255, 1], ScalarType.Byte));
        Assert.Equal([-1, 1], Whole("|i1", [255, 1], ScalarType.Int8));
        Assert.Equal([long.MaxValue, 1], Whole("<u8", [.. BitConverter.GetBytes(long.MaxValue), 1, 0, 0, 0, 0, 0, 0, 0], ScalarType.Int64));
        Assert.Contains("larger than int64 holds", Assert.Throws<InvalidDataException>(
            () => Whole("<u8", [.. BitConverter.GetBytes(ulong.MaxValue), .. new byte[8]], ScalarType.Int64)).Message);

        static long[] Whole(string type, byte[] bytes, ScalarType expected)
        {
            var read = NumPyFile.Read(new MemoryStream(Array($"{{'descr': '{type}', 'fortran_order': False, 'shape': (2,), }}", bytes)));
            Assert.Equal(expected, read.dtype);
            return read.to(ScalarType.Int64).data<long>().ToArray();
        }
    }

    [Fact]
    public void Read_OfMutatedFiles_GivesTensorsOrInvalidDataException()
    {
        using var scope = NewDisposeScope();
        NumPyFile.Write(FilePath, rand(2, 3));
        Fuzz.Mutations(File.ReadAllBytes(FilePath), file =>
        {
            var read = new NamedTensors();
            read.TryAdd("array", NumPyFile.Read(new MemoryStream(file)));
            return read;
        });
    }

    private static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static byte[] Array(string header, byte[] numbers)
    {
        var length = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)header.Length);
        return [0x93, .. "NUMPY"u8, 1, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. numbers];
    }
}
