using System.Numerics;

namespace ProductSearch.Drawing;

/// <summary>The patterns in which the two colors of a material are laid out.</summary>
internal enum Pattern { Plain, Striped, Ribbed, Dotted, Checked, Banded, ZigZag, Printed, TwoTone }

/// <summary>A surface: its colors and how much it shines.</summary>
/// <param name="Color">The main color: red, green and blue in [0, 1].</param>
/// <param name="Second">The color of the pattern.</param>
/// <param name="Pattern">The pattern.</param>
/// <param name="Count">The number of stripes, dots or checks.</param>
/// <param name="Shine">The strength of highlights, in [0, 1].</param>
/// <param name="Print">The cells of a print, 5 × 5 in the bits 0 to 24.</param>
internal sealed record Material(Vector3 Color, Vector3 Second, Pattern Pattern, int Count, float Shine, uint Print = 0)
{
    /// <summary>A surface of one color.</summary>
    public static Material Plain(Vector3 color, float shine = 0.2f) => new(color, color, Pattern.Plain, 1, shine);

    /// <summary>Computes the color at a place. The coordinates go around the thing and up it, both in [0, 1].</summary>
    public Vector3 At(Vector2 place)
    {
        var (x, y) = (place.X * Count, place.Y * Count);
        return Pattern switch
        {
            Pattern.Striped => Odd(2 * y) ? Second : Color,
            Pattern.Ribbed => Odd(4 * x) ? Second : Color,
            Pattern.Checked => Odd(4 * x) != Odd(2 * y) ? Second : Color,
            Pattern.Banded => MathF.Abs(place.Y - 0.6f) < 0.25f / MathF.Sqrt(Count) ? Second : Color,
            Pattern.TwoTone => place.Y > 0.35f + 0.05f * Count ? Second : Color,
            Pattern.ZigZag => Odd(2 * y + MathF.Abs(2 * Fraction(2 * x) - 1)) ? Second : Color,
            Pattern.Dotted => Vector2.Distance(new(Fraction(3 * x + (Odd(2 * y) ? 0.5f : 0)), Fraction(2 * y)), new(0.5f)) < 0.3f
                ? Second : Color,
            Pattern.Printed => Printed(place) ? Second : Color,
            _ => Color,
        };
    }

    /// <summary>The print is on the front and on the back.</summary>
    private bool Printed(Vector2 place)
    {
        var (x, y) = ((Fraction(2 * place.X + 0.5f) - 0.3f) / 0.4f, (place.Y - 0.3f) / 0.45f);
        if (x is < 0 or >= 1 || y is < 0 or >= 1) return false;
        var (column, row) = ((int)(5 * x), (int)(5 * y));
        return (Print >> (row * 5 + Math.Min(column, 4 - column)) & 1) == 1;
    }

    private static bool Odd(float value) => ((int)MathF.Floor(value) & 1) == 1;

    private static float Fraction(float value) => value - MathF.Floor(value);
}
