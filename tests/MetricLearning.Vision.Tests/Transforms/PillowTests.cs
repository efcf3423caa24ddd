using System.Globalization;
using System.Security.Cryptography;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests that steps change two computed images bit for bit as Pillow does (Golden/pillow.py).</summary>
public class PillowTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            using var file = typeof(PillowTests).Assembly.GetManifestResourceStream("pillow.txt")!;
            using var reader = new StreamReader(file);
            while (reader.ReadLine() is { } line) data.Add(line[..line.LastIndexOf(' ')], line[(line.LastIndexOf(' ') + 1)..]);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryByte_IsPillows(string name, string hash)
    {
        var words = name.Split(' ');
        var picture = words[0] == "waves" ? Waves() : Colors();
        if (words[1] == "dim") PillowColor.Contrast(picture, 0.4);
        Change(picture, words[^1], words.Length > 3 && words[1] != "dim" ? words[1] + " " + words[2] : words[^2]);
        var pixels = picture.Pixels.ToArray();
        var rgb = Enumerable.Range(0, pixels.Length).Where(i => i % 4 < 3).Select(i => pixels[i]).ToArray();
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(rgb))[..32]);
    }

    internal static Picture Waves() =>
        Drawn(45, 31, (x, y, c) => (x * (5 + 2 * c) + y * (11 - 3 * c) + (x * x + 3 * y * y * (c + 1)) % 97) % 256);

    private static Picture Colors() => Drawn(52 * 52, 52, (x, y, c) => (c == 0 ? x % 52 : c == 1 ? x / 52 : y) * 5);

    private static void Change(Picture picture, string number, string what)
    {
        var value = double.Parse(number, CultureInfo.InvariantCulture);
        var parts = what.Split(' ');
        var how = parts.Length > 1 ? Enum.Parse<Interpolation>(parts[1], ignoreCase: true) : default;
        var fill = new Rgb(1, 2, 3);
        switch (parts[0])
        {
            case "brightness": PillowColor.Brightness(picture, value); break;
            case "contrast": PillowColor.Contrast(picture, value); break;
            case "saturation": PillowColor.Saturation(picture, value); break;
            case "sharpness": PillowColor.Sharpness(picture, value); break;
            case "hue": PillowColor.Hue(picture, value); break;
            case "posterize": PillowColor.Posterize(picture, (int)value); break;
            case "solarize": PillowColor.Solarize(picture, value); break;
            case "invert": PillowColor.Invert(picture); break;
            case "equalize": PillowColor.Equalize(picture); break;
            case "autocontrast": PillowColor.AutoContrast(picture); break;
            case "gray": PillowColor.Gray(picture); break;
            case "rotate": Warp.Rotate(picture, value, how, Rgb.Gray); break;
            case "shearx": Warp.Apply(picture, [1, value, 0, 0, 1, 0], how, fill); break;
            case "sheary": Warp.Apply(picture, [1, 0, 0, value, 1, 0], how, fill); break;
            case "translatex": Warp.Apply(picture, [1, 0, value, 0, 1, 0], how, fill); break;
            case "translatey": Warp.Apply(picture, [1, 0, 0, 0, 1, value], how, fill); break;
            case "affine": Warp.Apply(picture, [0.83, -0.21, 3.25, 0.17, 1.12, -4.5], how, fill); break;
            case "scale": Warp.Apply(picture, [0.8, 0, 4.5, 0, 1.25, -3.875], how, fill); break;
            case "perspective": Warp.Apply(picture, [1.1, 0.07, -3.0, -0.05, 1.2, -1.5, 0.002, 0.004], how, fill); break;
            default: throw new ArgumentOutOfRangeException(nameof(what), what, "no such case");
        }
    }

    private static Picture Drawn(int width, int height, Func<int, int, int, int> value)
    {
        var picture = new Picture();
        var pixels = picture.Replace(width, height, out _);
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
                for (var c = 0; c < 3; c++) pixels[(y * width + x) * 4 + c] = (byte)value(x, y, c);
        return picture;
    }
}
