using System.Numerics;
using MetricLearning;

namespace ProductSearch.Drawing;

/// <summary>A kind of product, and the function that builds one.</summary>
/// <param name="Name">The name, such as <c>mug</c>.</param>
/// <param name="Group">The shelf on which a shop would put it, such as <c>kitchen</c>.</param>
/// <param name="Build">Builds a product from its main material, a second material for its smaller parts, and random proportions.</param>
internal sealed record Kind(string Name, string Group, Func<Material, Material, SeededRandom, Mesh> Build)
{
    /// <summary>All kinds.</summary>
    public static IReadOnlyList<Kind> All { get; } =
    [
        new("mug", "kitchen", (body, part, random) =>
        {
            var (wide, high, belly) = (Between(random, 0.34, 0.5), Between(random, 0.7, 1.0), Between(random, 0.9, 1.15));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide * 0.9f, 0), (wide * 0.9f, 0), (wide * belly, high * 0.5f), (wide, high), (wide, high))
                .Turn(Inside(body), (wide - 0.04f, high), (wide - 0.04f, high), (wide * 0.8f, 0.06f), (0, 0.06f))
                .Bar(part, 0.05f, Arc(new(wide * 0.95f, high * 0.5f, 0), Between(random, 0.22, 0.3), high * 0.3f, -90, 90));
        }),
        new("bottle", "kitchen", (body, part, random) =>
        {
            var (wide, neck, shoulder) = (Between(random, 0.2, 0.32), Between(random, 0.06, 0.1), Between(random, 0.5, 0.75));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide, 0), (wide, 0.05f), (wide, shoulder), (neck, shoulder + 0.28f), (neck, 1.1f),
                    (neck, 1.1f), (0, 1.1f))
                .Turn(part, (neck + 0.02f, 1.08f), (neck + 0.02f, 1.08f), (neck + 0.02f, 1.22f), (neck + 0.02f, 1.22f), (0, 1.22f));
        }),
        new("bowl", "kitchen", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.6, 0.8), Between(random, 0.35, 0.55));
            return new Mesh()
                .Turn(part, (wide * 0.45f, 0), (wide * 0.45f, 0), (wide * 0.4f, 0.08f))
                .Turn(body, (wide * 0.4f, 0.06f), (wide * 0.75f, high * 0.4f), (wide, high), (wide, high))
                .Turn(Inside(part), (wide - 0.04f, high), (wide * 0.7f, high * 0.45f), (0, 0.12f));
        }),
        new("teapot", "kitchen", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.42, 0.55), Between(random, 0.55, 0.8));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide * 0.6f, 0), (wide, high * 0.45f), (wide * 0.45f, high), (wide * 0.45f, high),
                    (wide * 0.3f, high + 0.06f), (0, high + 0.09f))
                .Ball(part, new(0, high + 0.13f, 0), new(0.07f))
                .Bar(body, 0.07f, new(wide * 0.8f, high * 0.35f, 0), new(wide * 1.25f, high * 0.6f, 0), new(wide * 1.45f, high * 0.95f, 0))
                .Bar(part, 0.05f, Arc(new(-wide * 0.85f, high * 0.5f, 0), -0.28f, high * 0.32f, -90, 90));
        }),
        new("vase", "home", (body, part, random) =>
        {
            var (foot, belly, neck) = (Between(random, 0.15, 0.25), Between(random, 0.28, 0.48), Between(random, 0.09, 0.2));
            var lip = neck + Between(random, 0.02, 0.14);
            return new Mesh()
                .Turn(part, (0, 0), (0, 0), (foot + 0.03f, 0), (foot, 0.08f))
                .Turn(body, (foot, 0.06f), (belly, Between(random, 0.3, 0.6)), (neck, 0.95f), (lip, 1.15f), (lip, 1.15f))
                .Turn(Inside(body), (lip - 0.03f, 1.15f), (neck - 0.02f, 0.95f), (neck - 0.02f, 0.7f));
        }),
        new("lamp", "home", (body, part, random) =>
        {
            var (foot, shade, top) = (Between(random, 0.2, 0.32), Between(random, 0.34, 0.52), Between(random, 0.15, 0.34));
            return new Mesh()
                .Turn(part, (0, 0), (0, 0), (foot, 0), (foot, 0.04f), (0.05f, 0.1f), (Between(random, 0.03, 0.14), 0.35f), (0.03f, 0.7f))
                .Turn(body, (shade, 0.62f), (shade, 0.62f), (top, 1.15f), (top, 1.15f));
        }),
        new("jar", "kitchen", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.28, 0.42), Between(random, 0.55, 0.95));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide, 0.03f), (wide * 1.05f, high * 0.5f), (wide, high), (wide * 0.8f, high + 0.05f))
                .Turn(part, (wide * 0.86f, high + 0.02f), (wide * 0.86f, high + 0.02f), (wide * 0.86f, high + 0.16f),
                    (wide * 0.86f, high + 0.16f), (0, high + 0.16f))
                .Ball(part, new(0, high + 0.2f, 0), new(0.08f, 0.06f, 0.08f));
        }),
        new("flower pot", "garden", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.3, 0.42), Between(random, 0.4, 0.6));
            var pot = new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide * 0.7f, 0), (wide * 0.7f, 0), (wide, high), (wide, high))
                .Turn(body with { Pattern = Pattern.Plain }, (wide + 0.04f, high - 0.1f), (wide + 0.04f, high - 0.1f), (wide + 0.04f, high),
                    (wide + 0.04f, high), (0, high));
            var leaf = Material.Plain(new(0.2f, Between(random, 0.4, 0.6), 0.22f));
            for (var i = 0; i < 9; i++)
            {
                var (sin, cos) = MathF.SinCos(i * 2.4f);
                pot.Ball(leaf, new(0.24f * sin, high + 0.12f + 0.05f * i, 0.24f * cos), new(0.16f, 0.1f, 0.16f));
            }
            return pot;
        }),
        new("watering can", "garden", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.32, 0.45), Between(random, 0.5, 0.7));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (wide, 0), (wide, 0), (wide * 0.92f, high), (wide * 0.92f, high), (wide * 0.5f, high + 0.06f))
                .Bar(part, 0.05f, new(wide * 0.8f, high * 0.2f, 0), new(wide * 1.9f, high * 1.05f, 0))
                .Ball(part, new(wide * 1.95f, high * 1.1f, 0), new(0.12f, 0.1f, 0.12f))
                .Bar(part, 0.04f, Arc(new(-wide * 0.3f, high * 0.85f, 0), wide, 0.42f, 0, 180));
        }),
        new("book", "office", (body, part, random) =>
        {
            var (wide, high, thick) = (Between(random, 0.55, 0.75), Between(random, 0.85, 1.05), Between(random, 0.08, 0.22));
            var paper = Material.Plain(new(0.93f, 0.91f, 0.85f), 0);
            return new Mesh()
                .Box(body, new(0, 0, thick / 2), new(wide, high, thick / 2 + 0.02f))
                .Box(body, new(0, 0, -thick / 2 - 0.02f), new(wide, high, -thick / 2))
                .Box(part, new(-0.02f, 0, -thick / 2 - 0.02f), new(0, high, thick / 2 + 0.02f))
                .Box(paper, new(0, 0.03f, -thick / 2), new(wide - 0.03f, high - 0.03f, thick / 2));
        }),
        new("suitcase", "travel", (body, part, random) =>
        {
            var (wide, high, deep) = (Between(random, 0.75, 1.1), Between(random, 0.6, 0.8), Between(random, 0.2, 0.32));
            return new Mesh()
                .Box(body, new(-wide / 2, 0, -deep / 2), new(wide / 2, high, deep / 2))
                .Box(part, new(-wide * 0.32f, -0.01f, -deep / 2 - 0.015f), new(-wide * 0.22f, high + 0.01f, deep / 2 + 0.015f))
                .Box(part, new(wide * 0.22f, -0.01f, -deep / 2 - 0.015f), new(wide * 0.32f, high + 0.01f, deep / 2 + 0.015f))
                .Bar(part, 0.03f, new(-0.16f, high, 0), new(-0.14f, high + 0.12f, 0), new(0.14f, high + 0.12f, 0), new(0.16f, high, 0));
        }),
        new("radio", "electronics", (body, part, random) =>
        {
            var (wide, high, deep) = (Between(random, 0.8, 1.15), Between(random, 0.45, 0.65), Between(random, 0.22, 0.35));
            var cone = Material.Plain(new(0.13f));
            return new Mesh()
                .Box(body, new(-wide / 2, 0, -deep / 2), new(wide / 2, high, deep / 2))
                .Wheel(cone, new(-wide * 0.25f, high / 2, deep / 2), high * 0.36f, 0.03f)
                .Wheel(part, new(-wide * 0.25f, high / 2, deep / 2 + 0.02f), high * 0.14f, 0.04f)
                .Box(part, new(0.02f, high * 0.58f, deep / 2), new(wide * 0.42f, high * 0.85f, deep / 2 + 0.015f))
                .Wheel(part, new(wide * 0.12f, high * 0.28f, deep / 2), high * 0.12f, 0.08f)
                .Wheel(part, new(wide * 0.32f, high * 0.28f, deep / 2), high * 0.12f, 0.08f)
                .Bar(Material.Plain(new(0.75f), 0.7f), 0.012f, new(wide * 0.4f, high, -deep * 0.3f),
                    new(wide * 0.62f, high + 0.55f, -deep * 0.3f));
        }),
        new("chair", "furniture", (body, part, random) =>
        {
            var (wide, seat, back) = (Between(random, 0.24, 0.3), Between(random, 0.42, 0.5), Between(random, 0.9, 1.15));
            var chair = new Mesh().Box(body, new(-wide, seat, -wide), new(wide, seat + 0.07f, wide))
                .Box(body, new(-wide, seat + Between(random, 0.1, 0.25), -wide), new(wide, back, -wide + 0.06f));
            foreach (var (x, z) in new[] { (-1, -1), (1, -1), (-1, 1), (1, 1) })
                chair.Bar(part, 0.03f, new(x * wide * 1.05f, 0, z * wide * 1.05f), new(x * wide * 0.9f, seat, z * wide * 0.9f));
            return chair.Bar(part, 0.028f, new(-wide * 0.9f, seat, -wide * 0.9f), new(-wide * 0.9f, back, -wide * 0.95f))
                .Bar(part, 0.028f, new(wide * 0.9f, seat, -wide * 0.9f), new(wide * 0.9f, back, -wide * 0.95f));
        }),
        new("stool", "furniture", (body, part, random) =>
        {
            var (wide, high, legs) = (Between(random, 0.25, 0.36), Between(random, 0.6, 0.95), 3 + random.NextInt(2));
            var stool = new Mesh().Turn(body, (0, high), (0, high), (wide, high), (wide, high + 0.03f), (wide, high + 0.09f),
                (wide * 0.9f, high + 0.12f), (0, high + 0.13f));
            for (var i = 0; i < legs; i++)
            {
                var (sin, cos) = MathF.SinCos(2 * MathF.PI * i / legs);
                stool.Bar(part, 0.03f, new(wide * 1.1f * sin, 0, wide * 1.1f * cos), new(wide * 0.7f * sin, high, wide * 0.7f * cos));
            }
            return stool;
        }),
        new("table", "furniture", (body, part, random) =>
        {
            var (wide, deep, high) = (Between(random, 0.5, 0.75), Between(random, 0.3, 0.5), Between(random, 0.45, 0.65));
            var table = new Mesh().Box(body, new(-wide, high, -deep), new(wide, high + 0.07f, deep));
            foreach (var (x, z) in new[] { (-1, -1), (1, -1), (-1, 1), (1, 1) })
                table.Bar(part, 0.04f, new(x * wide * 0.88f, 0, z * deep * 0.85f), new(x * wide * 0.88f, high, z * deep * 0.85f));
            return table;
        }),
        new("bear", "toys", (body, part, random) =>
        {
            var (belly, head, arm) = (Between(random, 0.26, 0.34), Between(random, 0.2, 0.27), Between(random, 0.09, 0.13));
            var dark = Material.Plain(new(0.1f), 0.6f);
            var top = 0.34f + belly * 1.05f + head * 0.85f;
            var bear = new Mesh().Ball(body, new(0, 0.34f, 0), new(belly, belly * 1.15f, belly * 0.9f))
                .Ball(body, new(0, top, 0), new(head)).Ball(part, new(0, top - 0.06f, head * 0.85f), new(head * 0.42f))
                .Ball(dark, new(0, top - 0.02f, head * 1.25f), new(0.035f));
            foreach (var side in new[] { -1, 1 })
                bear.Ball(part, new(side * head * 0.8f, top + head * 0.75f, 0), new(head * 0.4f))
                    .Ball(dark, new(side * head * 0.4f, top + head * 0.25f, head * 0.85f), new(0.035f))
                    .Ball(body, new(side * (belly + 0.06f), 0.48f, 0.1f), new(arm, arm * 2, arm))
                    .Ball(part, new(side * belly * 0.7f, 0.08f, 0.22f), new(arm * 1.1f, arm * 1.1f, arm * 1.8f));
            return bear;
        }),
        new("toy car", "toys", (body, part, random) =>
        {
            var (length, high, deep) = (Between(random, 0.6, 0.8), Between(random, 0.16, 0.24), Between(random, 0.22, 0.3));
            var (glass, tire) = (Material.Plain(new(0.55f, 0.7f, 0.8f), 0.8f), Material.Plain(new(0.12f)));
            var car = new Mesh().Box(body, new(-length, 0.12f, -deep), new(length, 0.12f + high, deep))
                .Box(glass, new(-length * 0.6f, 0.12f + high, -deep * 0.9f), new(length * 0.35f, 0.3f + high, deep * 0.9f))
                .Box(body, new(-length * 0.62f, 0.3f + high, -deep * 0.92f), new(length * 0.37f, 0.34f + high, deep * 0.92f));
            foreach (var (x, z) in new[] { (-0.6f, -1), (0.6f, -1), (-0.6f, 1), (0.6f, 1) })
                car.Wheel(tire, new(x * length, 0.12f, z * deep), 0.14f, 0.1f).Wheel(part, new(x * length, 0.12f, z * deep), 0.08f, 0.13f);
            return car;
        }),
        new("ball", "sport", (body, part, random) =>
        {
            var round = Between(random, 0.8, 1);
            return new Mesh().Ball(body, new(0, 0.5f, 0), new(0.5f * round, 0.5f, 0.5f * round));
        }),
        new("dumbbell", "sport", (body, part, random) =>
        {
            var (radius, half) = (Between(random, 0.2, 0.32), Between(random, 0.35, 0.5));
            var turned = Matrix4x4.CreateRotationY(MathF.PI / 2);
            var bell = new Mesh().Bar(Material.Plain(new(0.7f), 0.8f), 0.05f, new(-half, radius, 0), new(half, radius, 0));
            foreach (var side in new[] { -1, 1 })
                bell.Add(new Mesh().Wheel(body, new(0, radius, side * half), radius, 0.12f)
                    .Wheel(part, new(0, radius, side * (half - 0.1f)), radius * 0.72f, 0.08f), turned);
            return bell;
        }),
        new("clock", "home", (body, part, random) =>
        {
            var (wide, deep) = (Between(random, 0.42, 0.55), Between(random, 0.1, 0.2));
            var (face, hand) = (Material.Plain(new(0.95f)), Material.Plain(new(0.1f)));
            var clock = new Mesh().Wheel(body, new(0, wide, 0), wide, deep).Wheel(face, new(0, wide, deep / 2), wide * 0.82f, 0.02f);
            for (var hour = 0; hour < 12; hour++)
            {
                var (sin, cos) = MathF.SinCos(hour * MathF.PI / 6);
                clock.Ball(part, new(0.68f * wide * sin, wide + 0.68f * wide * cos, deep / 2 + 0.02f), new(0.03f));
            }
            var (s, c) = MathF.SinCos(Between(random, 0, 2 * Math.PI));
            return clock.Bar(hand, 0.02f, new(0, wide, deep / 2 + 0.03f), new(0.6f * wide * s, wide + 0.6f * wide * c, deep / 2 + 0.03f))
                .Bar(hand, 0.025f, new(0, wide, deep / 2 + 0.03f), new(-0.4f * wide * c, wide + 0.4f * wide * s, deep / 2 + 0.03f))
                .Ball(body, new(-0.25f, 0.04f, 0), new(0.06f)).Ball(body, new(0.25f, 0.04f, 0), new(0.06f));
        }),
        new("hat", "clothing", (body, part, random) =>
        {
            var (crown, brim, high) = (Between(random, 0.28, 0.36), Between(random, 0.5, 0.75), Between(random, 0.3, 0.5));
            return new Mesh()
                .Turn(body with { Pattern = Pattern.Plain }, (crown, 0.05f), (brim * 0.8f, 0), (brim, 0.06f), (brim, 0.06f), (crown, 0.07f))
                .Turn(part, (crown * 1.02f, 0.06f), (crown * 1.02f, 0.06f), (crown * 1.0f, 0.16f), (crown * 1.0f, 0.16f))
                .Turn(body, (crown, 0.06f), (crown * 0.97f, high * 0.6f), (crown * 0.75f, high), (0, high + 0.02f));
        }),
        new("umbrella", "clothing", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.6, 0.75), Between(random, 0.25, 0.4));
            return new Mesh()
                .Turn(body, (wide, 0.75f), (wide, 0.75f), (wide * 0.75f, 0.75f + high * 0.6f), (0.02f, 0.75f + high))
                .Bar(part, 0.025f, [.. Arc(new(0.1f, 0.1f, 0), 0.1f, 0.1f, -180, 0), new(0, 0.3f, 0), new(0, 0.85f + high, 0)]);
        }),
        new("candle holder", "home", (body, part, random) =>
        {
            var (foot, cup, high) = (Between(random, 0.24, 0.34), Between(random, 0.12, 0.18), Between(random, 0.4, 0.7));
            return new Mesh()
                .Turn(body, (0, 0), (0, 0), (foot, 0), (foot, 0.05f), (0.06f, 0.12f), (Between(random, 0.05, 0.16), high * 0.5f),
                    (0.06f, high * 0.85f), (cup, high), (cup, high), (0, high))
                .Turn(part, (0.08f, high), (0.08f, high), (0.08f, high + 0.4f), (0.08f, high + 0.4f), (0, high + 0.42f))
                .Bar(Material.Plain(new(0.15f)), 0.012f, new(0, high + 0.4f, 0), new(0, high + 0.48f, 0));
        }),
        new("headphones", "electronics", (body, part, random) =>
        {
            var (wide, high) = (Between(random, 0.36, 0.44), Between(random, 0.45, 0.6));
            var ear = Between(random, 0.15, 0.21);
            var turned = Matrix4x4.CreateRotationY(MathF.PI / 2);
            var pair = new Mesh().Bar(part, 0.04f, Arc(new(0, 0.3f, 0), wide, high, 0, 180));
            foreach (var side in new[] { -1, 1 })
                pair.Add(new Mesh().Wheel(body, new(0, 0.25f, side * wide), ear, 0.12f)
                    .Wheel(Material.Plain(new(0.15f)), new(0, 0.25f, side * (wide - 0.08f)), ear * 0.85f, 0.06f), turned);
            return pair;
        }),
    ];

    private static float Between(SeededRandom random, double low, double high) => (float)random.NextDouble(low, high);

    /// <summary>The material of the inside of an open thing: one darker color.</summary>
    private static Material Inside(Material body) => Material.Plain(body.Color * 0.75f, 0.05f);

    /// <summary>Points on a part of an upright ellipse, by angles in degrees; 0 is to the right, 90 is up.</summary>
    private static Vector3[] Arc(Vector3 center, float wide, float high, float from, float to)
    {
        const int steps = 12;
        return [.. Enumerable.Range(0, steps + 1).Select(step =>
        {
            var (sin, cos) = MathF.SinCos(MathF.PI / 180 * (from + (to - from) * step / steps));
            return center + new Vector3(wide * cos, high * sin, 0);
        })];
    }
}
