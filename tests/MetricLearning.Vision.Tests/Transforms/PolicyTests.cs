using System.Globalization;
using System.Runtime.InteropServices;
using CsCheck;

namespace MetricLearning.Vision.Tests;

public class PolicyTests
{
    /// <summary>torchvision's table <c>AutoAugmentPolicy.IMAGENET</c>: each operation with its probability and level.</summary>
    private static readonly string[] imageNet =
    [
        "Posterize 0.4 8, Rotate 0.6 9", "Solarize 0.6 5, AutoContrast 0.6 0", "Equalize 0.8 0, Equalize 0.6 0",
        "Posterize 0.6 7, Posterize 0.6 6", "Equalize 0.4 0, Solarize 0.2 4", "Equalize 0.4 0, Rotate 0.8 8",
        "Solarize 0.6 3, Equalize 0.6 0", "Posterize 0.8 5, Equalize 1 0", "Rotate 0.2 3, Solarize 0.6 8",
        "Equalize 0.6 0, Posterize 0.4 6", "Rotate 0.8 8, Color 0.4 0", "Rotate 0.4 9, Equalize 0.6 0", "Equalize 0 0, Equalize 0.8 0",
        "Invert 0.6 0, Equalize 1 0", "Color 0.6 4, Contrast 1 8", "Rotate 0.8 8, Color 1 2", "Color 0.8 8, Solarize 0.8 7",
        "Sharpness 0.4 7, Invert 0.6 0", "ShearX 0.6 5, Equalize 1 0", "Color 0.4 0, Equalize 0.6 0", "Equalize 0.4 0, Solarize 0.2 4",
        "Solarize 0.6 5, AutoContrast 0.6 0", "Invert 0.6 0, Equalize 1 0", "Color 0.6 4, Contrast 1 8", "Equalize 0.8 0, Equalize 0.6 0",
    ];

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
            .Select(seed => Hex(Do(Augmentation.TranslateX, 3, (ulong)seed)));
        string[] expected = [Hex(shifted), Hex(other)];
        Assert.Equal(expected.Order(), outcomes.Distinct().Order());
    }

    /// <summary>fast-reid 1.1's table: int(i / 10 · 4) + 4 bits, int(i / 10 · 256), 0.1 + 1.8 i / 10, i = 0 … 10, as Python prints
    /// them.</summary>
    [Fact]
    public void LevelsByTenths_MeanWhatTheyMeanInFastReId()
    {
        int[] bits = [4, 4, 4, 5, 5, 6, 6, 6, 7, 7, 8], thresholds = [0, 25, 51, 76, 102, 128, 153, 179, 204, 230, 256];
        double[] factors =
        [
            0.1, 0.28, 0.4600000000000001, 0.64, 0.8200000000000001, 1.0, 1.1800000000000002, 1.36, 1.5400000000000003,
            1.7200000000000002, 1.9000000000000001,
        ];
        for (var level = 0; level <= 10; level++)
        {
            Same(Changed(picture => PillowColor.Posterize(picture, bits[level])), Tenths(Augmentation.Posterize, level));
            Same(Changed(picture => PillowColor.Solarize(picture, thresholds[level])), Tenths(Augmentation.Solarize, level));
            Same(Changed(picture => PillowColor.Saturation(picture, factors[level])), Tenths(Augmentation.Color, level));
            Same(Changed(picture => PillowColor.Contrast(picture, factors[level])), Tenths(Augmentation.Contrast, level));
            Same(Changed(picture => PillowColor.Sharpness(picture, factors[level])), Tenths(Augmentation.Sharpness, level));
        }
        foreach (var (operation, left, right) in ((Augmentation, Action<Picture>, Action<Picture>)[])[
            (Augmentation.ShearX, picture => Warp.Apply(picture, [1, -0.15, 0, 0, 1, 0], Interpolation.Bicubic, Rgb.Gray),
                picture => Warp.Apply(picture, [1, 0.15, 0, 0, 1, 0], Interpolation.Bicubic, Rgb.Gray)),
            (Augmentation.Rotate, picture => Warp.Rotate(picture, -15, Interpolation.Bicubic, Rgb.Gray),
                picture => Warp.Rotate(picture, 15, Interpolation.Bicubic, Rgb.Gray))])
        {
            string[] expected = [Hex(Changed(left)), Hex(Changed(right))];
            var outcomes = Enumerable.Range(0, 20).Select(seed => Hex(Tenths(operation, 5, (ulong)seed))).Distinct();
            Assert.Equal(expected.Order(), outcomes.Order());
        }

        static Picture Tenths(Augmentation operation, int level, ulong seed = 0) => Changed(picture =>
            AugmentationSpace.OfFastReId.Apply(picture, operation, level, new SeededRandom(seed), Interpolation.Bicubic, Rgb.Gray));
    }

    [Fact]
    public void AutoAugment_IsOneOfItsPairs()
    {
        foreach (var policy in (AutoAugment[])[AutoAugment.FastReId(), AutoAugment.FastReId2020()])
            Assert.InRange(Enumerable.Range(0, 1000)
                .Count(seed => !WarpStepTests.IsWaves(CropTests.After(policy, PillowTests.Waves(), (ulong)seed))), 60, 110);
        AreThePairs(imageNet, AutoAugment.ImageNet(), AugmentationSpace.Of(10), [Interpolation.Nearest], Rgb.Black);
        AreThePairs(imageNet, AutoAugment.FastReId(1), AugmentationSpace.OfFastReId, [Interpolation.Bilinear, Interpolation.Bicubic],
            Rgb.Gray);
        int[] of2020 = [2, 3, 7, 9, 12, 18, 19, 24];
        AreThePairs([.. of2020.Select(i => imageNet[i])], AutoAugment.FastReId2020(1),
            AugmentationSpace.Of(10), [Interpolation.Bicubic], Rgb.Gray);
    }

    [Fact]
    public void Policies_TakeAnyPicture_AndKeepItsSize()
    {
        PixelStep[] steps =
            [AutoAugment.ImageNet(), AutoAugment.FastReId(1), AutoAugment.FastReId2020(1), new RandAugment(3, 30), new AugMix(10)];
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
        var outcomes = new HashSet<(byte, byte, byte)>();
        for (ulong seed = 0; seed < 60; seed++)
        {
            var picture = CropTests.After(new RandAugment(1, 0), ResizeTests.Row(0, 50, 255), seed);
            outcomes.Add((picture.Pixels[0], picture.Pixels[4], picture.Pixels[8]));
        }
        // Level 0 shears, rotates and shifts by nothing, keeps all bits and inverts only 255. The other operations stretch an image that is
        // already stretched.
        Assert.Equal(((byte, byte, byte)[])[(0, 50, 0), (0, 50, 255)], outcomes.Order());
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

    /// <summary>Checks that a policy gives the results of these pairs and no others, each about as often as its probability says.</summary>
    private static void AreThePairs(string[] pairs, AutoAugment policy, AugmentationSpace space, Interpolation[] interpolations, Rgb fill)
    {
        const int draws = 700;
        // An operation draws its direction first. One of these seeds draws each direction.
        ulong[] directions = [.. Enumerable.Range(0, 2).Select(side => (ulong)Enumerable.Range(0, 99)
            .First(seed => new SeededRandom((ulong)seed).NextInt(2) == side))];
        var expected = new Dictionary<string, double>();
        foreach (var pair in pairs)
        {
            var ways = pair.Split(", ").Select(Ways).ToArray();
            foreach (var first in ways[0])
                foreach (var second in ways[1])
                {
                    var share = first.Share * second.Share / pairs.Length;
                    if (share > 0) Count(expected, Changed(first.Change + second.Change), share);
                }
        }
        var counts = new Dictionary<string, double>();
        for (ulong seed = 0; seed < draws; seed++) Count(counts, CropTests.After(policy, PillowTests.Waves(), seed), 1);
        Assert.Empty(counts.Keys.Except(expected.Keys));
        Assert.All(expected, result => Assert.Equal(draws * result.Value, counts.GetValueOrDefault(result.Key),
            5 * Math.Sqrt(draws * result.Value)));

        (Action<Picture> Change, double Share)[] Ways(string part)
        {
            var words = part.Split(' ');
            var (operation, level) = (Enum.Parse<Augmentation>(words[0]), int.Parse(words[2], CultureInfo.InvariantCulture));
            var probability = double.Parse(words[1], CultureInfo.InvariantCulture);
            return
            [
                (_ => { }, 1 - probability),
                .. from interpolation in interpolations
                   from seed in directions
                   let change = (Action<Picture>)(picture =>
                       space.Apply(picture, operation, level, new SeededRandom(seed), interpolation, fill))
                   select (change, probability / interpolations.Length / directions.Length),
            ];
        }

        static void Count(Dictionary<string, double> counts, Picture picture, double share) =>
            CollectionsMarshal.GetValueRefOrAddDefault(counts, Hex(picture), out _) += share;
    }

    private static Picture Do(Augmentation operation, int level, ulong seed = 0) => Changed(picture =>
        AugmentationSpace.Of(10).Apply(picture, operation, level, new SeededRandom(seed), Interpolation.Nearest, Rgb.Black));

    private static Picture Changed(Action<Picture> change)
    {
        var picture = PillowTests.Waves();
        change(picture);
        return picture;
    }

    private static string Hex(Picture picture) => Convert.ToHexString(WarpStepTests.Colors(picture));

    private static void Same(Picture expected, Picture actual) =>
        Assert.Equal(WarpStepTests.Colors(expected), WarpStepTests.Colors(actual));
}
