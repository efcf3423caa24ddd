using MetricLearning;
using SkiaSharp;

namespace PersonReId.Synthetic;

/// <summary>The pattern of the upper garment.</summary>
internal enum Pattern { Plain, HorizontalStripes, VerticalStripes, Checks, TwoTone, Print, OpenJacket }

/// <summary>The lower garment.</summary>
internal enum Lower { Trousers, Slim, Shorts, Skirt, LongSkirt }

/// <summary>The hairstyle.</summary>
internal enum Hair { Short, Long, Bun, Ponytail, Bald }

/// <summary>The hat.</summary>
internal enum Hat { None, Cap, Beanie }

/// <summary>The bag.</summary>
internal enum Bag { None, Backpack, ShoulderBag, Handbag }

/// <summary>Everything about a person that is the same for all cameras.</summary>
internal sealed record Appearance
{
    private static readonly SKColor[] skins = Colors("f1c9a5 e0ac86 c68863 a3683f 7a4a2b 5a3720");
    private static readonly SKColor[] hairs = Colors("17130f 2a1c12 4a2f1a 7a5230 a88352 8d8d8a 5b2a1a");
    private static readonly SKColor[] cloths = Colors(
        "1b1c20 2b2d33 4c5057 7f858c b9bdc1 eceae4 1f2c4d 2f4f86 5f8fc4 8fb7d9 7c1f28 b8343a d9667a e3a3b4 204a35 3f7a4d 8aa05a d8b23c "
            + "e07b2e 6d4528 a98258 d4bd94 553070 8a64a8 1f7f86");
    private static readonly SKColor[] lowers = Colors(
        "17181c 23252b 3a3d44 262f47 34496f 5274a3 6d7178 9a9da1 8b7757 b7a27a 4a3626 5d6144 7a2630 e0ddd4");
    private static readonly SKColor[] shoes = Colors("141414 2d2621 5a3d28 e9e9e6 8f9398 b0353b 2f4f86");

    public required SKColor Skin { get; init; }
    public required SKColor HairColor { get; init; }
    public required Hair Hair { get; init; }
    public required Hat Hat { get; init; }
    public required SKColor HatColor { get; init; }
    public required SKColor Upper { get; init; }
    public required SKColor Upper2 { get; init; }
    public required Pattern Pattern { get; init; }
    public required bool LongSleeves { get; init; }
    public required float Hem { get; init; }
    public required Lower Lower { get; init; }
    public required SKColor LowerColor { get; init; }
    public required SKColor Shoes { get; init; }
    public required Bag Bag { get; init; }
    public required SKColor BagColor { get; init; }
    public required int BagSide { get; init; }
    public required float Height { get; init; }
    public required float Build { get; init; }
    public required float Hips { get; init; }

    /// <summary>A random person. As on a street, most wear a few muted colors.</summary>
    public static Appearance Draw(SeededRandom random)
    {
        var upper = Vary(Pick(random, cloths), random);
        var upper2 = Pick(random, cloths);
        while (Contrast(upper, upper2) < 110) upper2 = Pick(random, cloths);
        var longSleeves = random.NextDouble() < 0.6;
        return new Appearance
        {
            Skin = Vary(Pick(random, skins), random),
            HairColor = Pick(random, hairs),
            Hair = Choose(random, (Hair.Short, 0.45), (Hair.Long, 0.25), (Hair.Ponytail, 0.12), (Hair.Bun, 0.1), (Hair.Bald, 0.08)),
            Hat = Choose(random, (Hat.None, 0.76), (Hat.Cap, 0.15), (Hat.Beanie, 0.09)),
            HatColor = Pick(random, cloths),
            Upper = upper,
            Upper2 = upper2,
            Pattern = Choose(random, (Pattern.Plain, 0.36), (Pattern.HorizontalStripes, 0.13), (Pattern.VerticalStripes, 0.06),
                (Pattern.Checks, 0.09), (Pattern.TwoTone, 0.11), (Pattern.Print, 0.12), (Pattern.OpenJacket, 0.13)),
            LongSleeves = longSleeves,
            Hem = longSleeves && random.NextDouble() < 0.25 ? 0.36f : (float)random.NextDouble(0.44, 0.48),
            Lower = Choose(random, (Lower.Trousers, 0.38), (Lower.Slim, 0.25), (Lower.Shorts, 0.19), (Lower.Skirt, 0.11),
                (Lower.LongSkirt, 0.07)),
            LowerColor = Vary(Pick(random, lowers), random),
            Shoes = Pick(random, shoes),
            Bag = Choose(random, (Bag.None, 0.45), (Bag.Backpack, 0.25), (Bag.ShoulderBag, 0.17), (Bag.Handbag, 0.13)),
            BagColor = Pick(random, cloths),
            BagSide = random.NextInt(2) * 2 - 1,
            Height = (float)(1 + 0.06 * random.NextGaussian()),
            Build = (float)Math.Clamp(1 + 0.13 * random.NextGaussian(), 0.78, 1.35),
            Hips = (float)random.NextDouble(0.82, 1.1),
        };
    }

    private static SKColor[] Colors(string hex) => [.. hex.Split(' ').Select(SKColor.Parse)];

    private static T Pick<T>(SeededRandom random, T[] items) => items[random.NextInt(items.Length)];

    private static T Choose<T>(SeededRandom random, params ReadOnlySpan<(T Item, double Share)> choices)
    {
        var left = random.NextDouble();
        foreach (var (item, share) in choices)
            if ((left -= share) < 0) return item;
        return choices[0].Item;
    }

    private static SKColor Vary(SKColor color, SeededRandom random)
    {
        color.ToHsl(out var h, out var s, out var l);
        return SKColor.FromHsl((h + (float)random.NextGaussian() * 4 + 360) % 360,
            Math.Clamp(s * (float)random.NextDouble(0.85, 1.15), 0, 100),
            Math.Clamp(l + (float)random.NextGaussian() * 2.5f, 3, 95));
    }

    private static int Contrast(SKColor a, SKColor b) => Math.Abs(a.Red - b.Red) + Math.Abs(a.Green - b.Green) + Math.Abs(a.Blue - b.Blue);
}
