using CsCheck;
using TorchSharp;

namespace MetricLearning.Tests;

/// <summary>Damages files at random: a reader must give tensors that fit in the file or an <see cref="InvalidDataException"/>, and take little memory.</summary>
internal static class Fuzz
{
    private const int Runs = 4000;

    private static readonly byte[] extremes = [0, 1, 0x7f, 0x80, 0xff];

    public static void Mutations(byte[] file, Func<byte[], NamedTensors> read)
    {
        var outcomes = (Tensors: 0, Refused: 0);
        var change = Gen.Select(Gen.Int[0, file.Length - 1], Gen.OneOf(Gen.Byte, Gen.Int[0, extremes.Length - 1].Select(i => extremes[i])));
        var cut = Gen.Frequency((3, Gen.Const(file.Length)), (1, Gen.Int[0, file.Length]));
        Gen.Select(change.Array[1, 4], cut).Sample((changes, length) =>
        {
            var damaged = file.ToArray();
            foreach (var (place, value) in changes) damaged[place] = value;
            damaged = damaged[..length];
            var before = GC.GetAllocatedBytesForCurrentThread();
            var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            try
            {
                using var tensors = read(damaged);
                Assert.All(tensors.Values, tensor => Assert.InRange(tensor.numel() * tensor.element_size(), 0, file.Length));
                outcomes.Tensors++;
            }
            catch (InvalidDataException)
            {
                outcomes.Refused++;
            }
            Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        }, iter: Runs, threads: 1);
        Assert.True(outcomes.Refused > Runs / 10 && outcomes.Tensors + outcomes.Refused >= Runs, $"{outcomes}");
    }
}
