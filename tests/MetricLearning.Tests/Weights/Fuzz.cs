using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Damages files at random: a reader must give tensors that fit in the file or an <see cref="InvalidDataException"/>, and take
/// little memory.</summary>
internal static class Fuzz
{
    private const int Runs = 4000;

    private static readonly byte[] extremes = [0, 1, 0x7f, 0x80, 0xff];
    private static readonly ScalarType[] types =
    [
        ScalarType.Float64, ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Int64, ScalarType.Int32,
            ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
    ];

    /// <summary>Reads the file with a few changed bytes, and sometimes with its end cut off.</summary>
    public static void Mutations(byte[] file, Func<byte[], NamedTensors> read)
    {
        var outcomes = new Outcomes();
        var change = Gen.Select(Gen.Int[0, file.Length - 1], Gen.OneOf(Gen.Byte, Gen.Int[0, extremes.Length - 1].Select(i => extremes[i])));
        var cut = Gen.Frequency((3, Gen.Const(file.Length)), (1, Gen.Int[0, file.Length]));
        Gen.Select(change.Array[1, 4], cut).Sample((changes, length) =>
        {
            var damaged = file.ToArray();
            foreach (var (place, value) in changes) damaged[place] = value;
            outcomes.Count(Survives(damaged[..length], read));
        }, iter: Runs, threads: 1);
        outcomes.AreBoth();
    }

    /// <summary>Reads the beginning of the file, of every length. None may be accepted as a whole file.</summary>
    public static void Truncations(byte[] file, Func<byte[], NamedTensors> read)
    {
        for (var length = 0; length < file.Length; length++) Assert.False(Survives(file[..length], read),
            $"{length} of {file.Length} bytes were read as a file");
    }

    /// <summary>Replaces the pickle of the file by instructions that are drawn at random. Most of them are valid alone. In half of the
    /// files, the instructions of a valid file follow a few of them, so that some files can be read.</summary>
    /// <param name="fileOf">Makes the file of a pickle without its end.</param>
    /// <param name="valid">The instructions of a valid file.</param>
    /// <param name="read">Reads a file.</param>
    public static void Pickles(Func<byte[], byte[]> fileOf, byte[] valid, Func<byte[], NamedTensors> read)
    {
        var outcomes = new Outcomes();
        const string Codes = "(012NKMJGXUTCB}])tldaesuqrhjQRbc.";
        var code = Gen.OneOf(Gen.Int[0, Codes.Length - 1].Select(i => (byte)Codes[i]), Gen.Int[0x80, 0x95].Select(i => (byte)i));
        var argument = Gen.OneOf(Gen.Const(Array.Empty<byte>()), Gen.Byte.Array[1, 9], Gen.Int[0, 3]
            .Select(i => new byte[] { (byte)i, 0, 0, 0 }),
            Gen.Const("collections\nOrderedDict\n"u8.ToArray()), Gen.Const("torch._utils\n_rebuild_tensor_v2\n"u8.ToArray()));
        var instruction = Gen.Select(code, argument, (first, rest) => (byte[])[first, .. rest]);
        Gen.OneOf(instruction.Array[1, 40], instruction.Array[1, 4].Select(few => (byte[][])[.. few, valid])).Sample(instructions =>
        {
            byte[] pickle = [0x80, 2, .. instructions.SelectMany(bytes => bytes)];
            outcomes.Count(Survives(fileOf(pickle), read));
        }, iter: Runs, threads: 1);
        outcomes.AreBoth();
    }

    /// <summary>Tensors of random names, types, shapes and strides come back as they were written.</summary>
    public static void RoundTrips(string path, Action<string, IEnumerable<KeyValuePair<string, Tensor>>> write, Func<string,
        NamedTensors> read)
    {
        var entry = Gen.Select(Gen.String[1, 12], Gen.Int[0, types.Length - 1], Gen.Long[0, 4].Array[0, 4], Gen.Bool);
        entry.Array[1, 6].Sample(entries =>
        {
            using var scope = NewDisposeScope();
            var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
            foreach (var (name, type, shape, transposed) in entries)
            {
                var tensor = (rand(shape) * 3).to(types[type]);
                // Half a surrogate pair is not valid text, and both formats hold only valid text.
                tensors[string.Concat(name.Where(c => !char.IsSurrogate(c)))] = transposed && shape.Length > 1 ? tensor.transpose(0, 1)
                    : tensor;
            }
            write(path, tensors);
            using var back = read(path);
            Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), back.Keys.Order(StringComparer.Ordinal));
            foreach (var (name, tensor) in tensors)
            {
                Assert.Equal(tensor.dtype, back[name].dtype);
                Assert.Equal(tensor.shape, back[name].shape);
                Assert.True(tensor.Equals(back[name]));
            }
        }, iter: 300, threads: 1);
    }

    /// <summary>Counts the files that a reader reads and that it refuses.</summary>
    private sealed class Outcomes
    {
        private int read, refused;

        public void Count(bool wasRead)
        {
            if (wasRead) read++;
            else refused++;
        }

        /// <summary>Asserts that there were some of each. A reader that refuses all files at their first byte would survive, too.</summary>
        public void AreBoth() =>
            Assert.True(read > 0 && refused > Runs / 10 && read + refused >= Runs, $"{read} files were read, {refused} were refused");
    }

    private static bool Survives(byte[] file, Func<byte[], NamedTensors> read)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var whole = false;
        try
        {
            using var tensors = read(file);
            // A view may repeat elements of the file (stride 0), within a bound; any other tensor fits into the file.
            Assert.All(tensors.Values, tensor => Assert.InRange(tensor.numel() * tensor.element_size(), 0,
                tensor.is_contiguous() ? file.Length : 4 * file.Length + (64 << 20)));
            whole = true;
        }
        catch (InvalidDataException)
        {
        }
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        return whole;
    }
}
