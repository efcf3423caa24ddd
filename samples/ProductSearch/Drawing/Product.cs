using System.Numerics;
using MetricLearning;
using MetricLearning.Vision;

namespace ProductSearch.Drawing;

/// <summary>A product that exists only in drawn pictures. It has a kind, colors, a pattern and proportions.</summary>
internal sealed class Product
{
    private static readonly (string Name, Vector3 Color)[] colors =
    [
        ("white", new(0.94f, 0.93f, 0.9f)), ("black", new(0.1f, 0.1f, 0.11f)), ("gray", new(0.5f, 0.52f, 0.54f)),
        ("red", new(0.78f, 0.14f, 0.14f)), ("orange", new(0.9f, 0.47f, 0.12f)), ("yellow", new(0.93f, 0.78f, 0.2f)),
        ("green", new(0.2f, 0.5f, 0.25f)), ("lime", new(0.6f, 0.76f, 0.3f)), ("teal", new(0.1f, 0.5f, 0.52f)),
        ("light blue", new(0.5f, 0.7f, 0.87f)), ("blue", new(0.16f, 0.34f, 0.7f)), ("navy", new(0.11f, 0.16f, 0.34f)),
        ("purple", new(0.45f, 0.25f, 0.6f)), ("pink", new(0.9f, 0.55f, 0.66f)), ("brown", new(0.42f, 0.27f, 0.17f)),
        ("beige", new(0.82f, 0.74f, 0.6f)),
    ];

    private static readonly Dictionary<Pattern, string> words = new()
    {
        [Pattern.Plain] = "", [Pattern.Striped] = "striped ", [Pattern.Ribbed] = "ribbed ", [Pattern.Dotted] = "dotted ",
        [Pattern.Checked] = "checked ", [Pattern.Banded] = "banded ", [Pattern.ZigZag] = "zigzag ", [Pattern.Printed] = "printed ",
        [Pattern.TwoTone] = "two-tone ",
    };

    private readonly Mesh mesh;

    private Product(string name, IReadOnlyList<string> tags, Mesh mesh) => (Name, Tags, this.mesh) = (name, tags, mesh);

    /// <summary>The name that a shop would give it, such as <c>Striped red mug</c>.</summary>
    public string Name { get; }

    /// <summary>Its kind, its shelf and its main color.</summary>
    public IReadOnlyList<string> Tags { get; }

    /// <summary>Creates the product with this number. The same seed and number give the same product on every machine.</summary>
    public static Product Of(ulong seed, int number)
    {
        var random = SeededRandom.ForStream(seed, 0x5409, (ulong)number);
        var kind = Kind.All[number % Kind.All.Count];
        var (name, color) = colors[random.NextInt(colors.Length)];
        var second = colors[random.NextInt(colors.Length)].Color;
        while (Vector3.Distance(color, second) < 0.35f) second = colors[random.NextInt(colors.Length)].Color;
        var pattern = random.NextDouble() < 0.22 ? Pattern.Plain : (Pattern)random.NextInt(words.Count);
        var shine = (float)random.NextDouble(0.05, 0.6);
        var body = new Material(Vary(color), Vary(second), pattern, 1 + random.NextInt(4), shine, (uint)random.NextUInt64());
        var part = Material.Plain(random.NextDouble() < 0.5 ? body.Second : Vary(colors[random.NextInt(colors.Length)].Color), shine);
        var title = $"{words[pattern]}{name} {kind.Name}";
        return new Product(char.ToUpperInvariant(title[0]) + title[1..], [kind.Name, kind.Group, name], kind.Build(body, part, random));

        Vector3 Vary(Vector3 from) => Vector3.Clamp(from + new Vector3((float)random.NextDouble(-0.05, 0.05),
            (float)random.NextDouble(-0.05, 0.05), (float)random.NextDouble(-0.05, 0.05)), Vector3.Zero, Vector3.One);
    }

    /// <summary>Paints a square picture of it.</summary>
    public Picture Photograph(View view, int size) => Picture.FromRgb(Painter.Paint(mesh, view, size), size, size);
}
