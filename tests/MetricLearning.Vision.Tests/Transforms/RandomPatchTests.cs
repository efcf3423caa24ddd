namespace MetricLearning.Vision.Tests;

public sealed class RandomPatchTests : IDisposable
{
    private readonly TestSet set = new();

    public void Dispose() => set.Dispose();

    [Fact]
    public void PastesOneRectangle_HalfOfTheTime_TheSameForTheSameSeed()
    {
        var images = set.Draw(6);
        var step = new RandomPatch(images, 40, 20, poolSize: 50, seed: 2);
        var again = new RandomPatch(images, 40, 20, poolSize: 50, seed: 2);
        var (touched, other) = (0, 0);
        for (ulong seed = 0; seed < 300; seed++)
        {
            var picture = Plain();
            step.Apply(picture, new SeededRandom(seed));
            var same = Plain();
            again.Apply(same, new SeededRandom(seed));
            Assert.Equal(picture.Pixels.ToArray(), same.Pixels.ToArray());
            var changed = Enumerable.Range(0, 800).Where(i => picture.Pixels[4 * i] != 77 || picture.Pixels[4 * i + 1] != 78).ToArray();
            if (changed.Length == 0) continue;
            touched++;
            var (left, right) = (changed.Min(i => i % 20), changed.Max(i => i % 20));
            var (top, bottom) = (changed.Min(i => i / 20), changed.Max(i => i / 20));
            if (changed.Length != (right - left + 1) * (bottom - top + 1)) other++;
            Assert.InRange(changed.Length, 1, 0.55 * 800);
        }
        Assert.InRange(touched, 115, 185);
        Assert.Equal(0, other);
        Assert.Equal(50, step.PoolSize);
    }

    [Fact]
    public void PiecesThatDoNotFit_AreNotPasted()
    {
        var step = new RandomPatch(set.Draw(1), 200, 100, poolSize: 20, probability: 1);
        for (ulong seed = 0; seed < 20; seed++)
        {
            var picture = ResizeTests.Row(1, 2);
            step.Apply(picture, new SeededRandom(seed));
            Assert.Equal((2, 1), (picture.Width, picture.Height));
            Assert.Equal(ResizeTests.Row(1, 2).Pixels, picture.Pixels);
        }
        Expect.Error<ArgumentException>("images must not be empty: the pieces are cut out of them.",
            () => new RandomPatch(new ImageList([])));
    }

    private static Picture Plain()
    {
        var picture = new Picture();
        var pixels = picture.Replace(20, 40, out _);
        for (var i = 0; i < pixels.Length; i += 4) (pixels[i], pixels[i + 1], pixels[i + 2], pixels[i + 3]) = (77, 78, 79, 0);
        return picture;
    }
}
