using CsCheck;

namespace MetricLearning.Vision.Tests;

public class PolicyTests
{
    /// <summary>torchvision's table: 8 − round(i / 2.25), i = 0 … 9.</summary>
    [Fact]
    public void Levels_MeanWhatTheyMeanInTorchvision()
    {
        int[] bits = [8, 8, 7, 7, 6, 6, 5, 5, 4, 4];
        // linspace(255, 0, 10) in float32.
        float[] thresholds = [255, 226.66667f, 198.33333f, 170, 141.66667f, 113.333336f, 85, 56.666668f, 28.333334f, 0];
        for (var level = 0; level < 10; level++)
        {
            var (posterized, solarized) = (PillowTests.Waves(), PillowTests.Waves());
            PillowColor.Posterize(posterized, bits[level]);
            PillowColor.Solarize(solarized, thresholds[level]);
            Same(posterized, Do(Augmentation.Posterize, level));
            Same(solarized, Do(Augmentation.Solarize, level));
        }
        var shifted = PillowTests.Waves();
        Warp.Apply(shifted, [1, 0, 6, 0, 1, 0], Interpolation.Nearest, Rgb.Black);
        var other = PillowTests.Waves();
        Warp.Apply(other, [1, 0, -6, 0, 1, 0], Interpolation.Nearest, Rgb.Black);
        // 150 / 331 · 45 · 3 / 9 = 6.8 pixels, truncated, in both directions.
        var outcomes = Enumerable.Range(0, 20)
            .Select(seed => Convert.ToHexString(WarpStepTests.Colors(Do(Augmentation.TranslateX, 3, (ulong)seed))));
        string[] expected = [Convert.ToHexString(WarpStepTests.Colors(shifted)), Convert.ToHexString(WarpStepTests.Colors(other))];
        Assert.Equal(expected.Order(), outcomes.Distinct().Order());
    }

    [Fact]
    public void AutoAugment_IsOneOfItsPairs()
    {
        Assert.Equal((25, 8), (AutoAugment.ImageNet().Pairs, AutoAugment.FastReId().Pairs));
        var touched = Enumerable.Range(0, 1000).Count(seed =>
            !WarpStepTests.IsWaves(CropTests.After(AutoAugment.FastReId(), PillowTests.Waves(), (ulong)seed)));
        Assert.InRange(touched, 60, 110);
        var kinds = Enumerable.Range(0, 1000).Select(seed =>
            Convert.ToHexString(WarpStepTests.Colors(CropTests.After(AutoAugment.FastReId(1), PillowTests.Waves(), (ulong)seed))))
                .ToHashSet();
        // The results by hand, at most: nothing; e; ee; p7; p6 (5 bits both); p5; p5 e; e p; shears of two signs, each alone and with e.
        Assert.InRange(kinds.Count, 8, 14);
    }

    [Fact]
    public void Policies_TakeAnyPicture_AndKeepItsSize()
    {
        PixelStep[] steps = [AutoAugment.ImageNet(), AutoAugment.FastReId(1), new RandAugment(3, 30), new AugMix(10)];
        Gen.Select(Gen.Int[1, 30], Gen.Int[1, 30], Gen.Int[0, 1000]).Sample((width, height, seed) =>
        {
            foreach (var step in steps)
            {
                var first = CropTests.After(step, ResizeTests.Noise(width, height, 3), (ulong)seed);
                var second = CropTests.After(step, ResizeTests.Noise(width, height, 3), (ulong)seed);
                Assert.Equal((width, height), (first.Width, first.Height));
                Assert.Equal(WarpStepTests.Colors(first), WarpStepTests.Colors(second));
            }
        }, iter: 100);
    }

    [Fact]
    public void RandAugment_AtLevelZero_IsNearlyNothing()
    {
        for (ulong seed = 0; seed < 60; seed++)
        {
            var picture = CropTests.After(new RandAugment(1, 0), ResizeTests.Row(0, 50, 255), seed);
            // Level 0 shears, rotates and shifts by nothing, keeps all bits and inverts only 255. The other operations stretch what is
            // stretched.
            Assert.True(picture.Pixels[0] == 0 && picture.Pixels[8] is 255 or 0, $"seed {seed}");
        }
        Assert.True(WarpStepTests.IsWaves(CropTests.After(new RandAugment(0), PillowTests.Waves())));
        Expect.Error<ArgumentOutOfRangeException>("magnitude must be in [0, 30].", () => new RandAugment(magnitude: 31));
    }

    [Fact]
    public void AugMix_OfChainsThatChangeNothing_IsThePicture()
    {
        // Only black corners, posterizing and inversion can change white; at depth 1 and severity 1 there are no black corners.
        var kept = 0;
        for (ulong seed = 0; seed < 100; seed++)
        {
            var picture = CropTests.After(new AugMix(severity: 1, width: 1, depth: 1, allOperations: false), ResizeTests.Row(255, 255, 255),
                seed);
            Assert.Equal(picture.Pixels[0], picture.Pixels[8]);
            if (picture.Pixels[0] == 255) kept++;
        }
        // Seven of nine operations leave white as it is at level 0.
        Assert.InRange(kept, 65, 90);
    }

    private static Picture Do(Augmentation operation, int level, ulong seed = 0)
    {
        var picture = PillowTests.Waves();
        AugmentationSpace.Of(10).Apply(picture, operation, level, new SeededRandom(seed), Interpolation.Nearest, Rgb.Black);
        return picture;
    }

    private static void Same(Picture expected, Picture actual) =>
        Assert.Equal(WarpStepTests.Colors(expected), WarpStepTests.Colors(actual));
}
