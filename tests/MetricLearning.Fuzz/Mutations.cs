using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using MetricLearning.Vision.Tests;

namespace MetricLearning.Fuzz;

/// <summary>Damages files at random. A seed determines each damage.</summary>
internal static partial class Mutations
{
    private const int MostChanges = 4, LongestBlock = 256;

    private static readonly byte[] extremes = [0, 1, 0x7f, 0x80, 0xff];
    private static readonly long[] numbers =
        [0, 1, -1, 2, 255, 65535, 1 << 20, 1 << 30, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue];

    private static readonly string[] texts =
    [
        "\"", "\"\"", ",", "\n", "\r", "\r\n", "\0", "\u001b[31m", "\u202e", "\ufeff", "-1",
        "0", "99999999999999999999", "1e308", "NaN", "null",
        "../", "/", " ", "\t", "{", "}", "[", "]", "<", ">", "&", "'", "\\", "\\ud800", "(", ")", ".", "c", "ü", "\U0001d11e",
    ];

    /// <summary>Returns a damaged copy of a file. Half of the packed files are damaged inside and packed again.</summary>
    public static byte[] Of(byte[] file, Packing packing, SeededRandom random) => (random.NextInt(2) == 0 ? Packing.None : packing) switch
    {
        Packing.Text => Text(file, random),
        Packing.Zip => Zip(file, random),
        Packing.Matlab => Matlab(file, random),
        Packing.Png => Png(file, random),
        _ => Bytes(file, random),
    };

    private static byte[] Bytes(byte[] file, SeededRandom random)
    {
        var bytes = file.ToList();
        for (var left = 1 + random.NextInt(MostChanges); left > 0 && bytes.Count > 0; left--)
        {
            var (at, other) = (random.NextInt(bytes.Count), random.NextInt(bytes.Count));
            var length = Math.Min(1 + random.NextInt(LongestBlock), bytes.Count - Math.Max(at, other));
            switch (random.NextInt(9))
            {
                case 0: bytes[at] ^= (byte)(1 << random.NextInt(8)); break;
                case 1: bytes[at] = extremes[random.NextInt(extremes.Length)]; break;
                case 2: bytes.RemoveRange(at, bytes.Count - at); break;
                case 3: bytes.InsertRange(at, Enumerable.Range(0, length).Select(_ => (byte)random.NextInt(256)).ToArray()); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(other, length)); break;
                case 5:
                    for (var i = 0; i < length; i++) (bytes[at + i], bytes[other + i]) = (bytes[other + i], bytes[at + i]);
                    break;
                case 6: bytes.RemoveRange(at, length); break;
                default:
                    // Overwrites 2, 4 or 8 bytes with a small or an extreme number, because they may hold a length.
                    var field = Field(random);
                    for (var i = 0; i < field.Length && at + i < bytes.Count; i++) bytes[at + i] = field[i];
                    break;
            }
        }
        return [.. bytes];
    }

    private static byte[] Field(SeededRandom random)
    {
        var number = numbers[random.NextInt(numbers.Length)];
        var field = new byte[2 << random.NextInt(3)];
        for (var i = 0; i < field.Length; i++) field[i] = (byte)(number >> (8 * i));
        if (random.NextInt(3) == 0) Array.Reverse(field);
        return field;
    }

    private static byte[] Text(byte[] file, SeededRandom random)
    {
        var text = Encoding.UTF8.GetString(file);
        for (var left = 1 + random.NextInt(MostChanges); left > 0; left--)
        {
            var lines = text.Split('\n');
            var (line, other, at) = (random.NextInt(lines.Length), random.NextInt(lines.Length), random.NextInt(text.Length + 1));
            switch (random.NextInt(7))
            {
                case 0: text = text.Insert(at, texts[random.NextInt(texts.Length)]); break;
                case 1:
                    var found = Numbers().Matches(text);
                    if (found.Count == 0) break;
                    var number = found[random.NextInt(found.Count)];
                    var instead = numbers[random.NextInt(numbers.Length)].ToString(CultureInfo.InvariantCulture);
                    text = text.Remove(number.Index, number.Length).Insert(number.Index,
                        random.NextInt(2) == 0 ? texts[random.NextInt(texts.Length)] : instead);
                    break;
                case 2: text = string.Join('\n', [.. lines[..line], lines[other], .. lines[line..]]); break;
                case 3: text = string.Join('\n', [.. lines[..line], .. lines[(line + 1)..]]); break;
                case 4:
                    (lines[line], lines[other]) = (lines[other], lines[line]);
                    text = string.Join('\n', lines);
                    break;
                case 5: text = text.Remove(at); break;
                default:
                    if (random.NextInt(8) != 0) break;
                    text = text.Insert(at, string.Concat(Enumerable.Repeat(texts[random.NextInt(texts.Length)], 1 << random.NextInt(20))));
                    break;
            }
        }
        return Encoding.UTF8.GetBytes(text);
    }

    private static byte[] Zip(byte[] file, SeededRandom random)
    {
        using var archive = new ZipArchive(new MemoryStream(file));
        var entries = archive.Entries.Select(entry =>
        {
            using var stream = entry.Open();
            using var content = new MemoryStream();
            stream.CopyTo(content);
            return (Name: entry.FullName, Content: content.ToArray());
        }).ToList();
        var place = random.NextInt(entries.Count);
        var (name, old) = entries[place];
        entries[place] = (name, random.NextInt(16) == 0 ? Swollen(old, random) : Bytes(old, random));
        if (random.NextInt(8) == 0) entries.Add(entries[random.NextInt(entries.Count)]);
        if (random.NextInt(8) == 0) entries.RemoveAt(random.NextInt(entries.Count));
        if (random.NextInt(8) == 0) entries[random.NextInt(entries.Count)] = (name + texts[random.NextInt(texts.Length)], old);
        using var made = new MemoryStream();
        using (var zip = new ZipArchive(made, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (entry, content) in entries)
            {
                var level = random.NextInt(2) == 0 ? CompressionLevel.NoCompression : CompressionLevel.Fastest;
                using var stream = zip.CreateEntry(entry, level).Open();
                stream.Write(content);
            }
        return made.ToArray();
    }

    /// <summary>Returns an array of 4 MiB of zeros, or the old content and 4 MiB of zeros. Either is a small file when it is
    /// compressed.</summary>
    private static byte[] Swollen(byte[] old, SeededRandom random)
    {
        string[] types = ["|S1", "<u4", "<u2", "|b1", "<U1", "|S999"];
        var type = types[random.NextInt(types.Length)];
        var size = type[1] == 'U' ? 4 : int.Parse(type.AsSpan(2), CultureInfo.InvariantCulture);
        var count = (1 << 22) / size;
        var header = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': False, 'shape': ({count},), }}".PadRight(117) + "\n");
        return old.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x93, (byte)'N'])
            ? [.. old[..8], (byte)header.Length, 0, .. header, .. new byte[count * size]] : [.. old, .. new byte[1 << 22]];
    }

    private static byte[] Matlab(byte[] file, SeededRandom random)
    {
        const int header = 128, tag = 8, compressed = 15;
        var made = file[..header].ToList();
        for (var at = header; at + tag <= file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 4));
            byte[] content = file[(at + tag)..(at + tag + length)];
            if (file[at] == compressed) content = Inflated(content);
            else content = [.. file[at..(at + tag)], .. content];
            if (random.NextInt(3) == 0) content = random.NextInt(16) == 0 ? Zeros(random) : Bytes(content, random);
            content = random.NextInt(4) == 0 ? content : Element(compressed, Deflated(content));
            made.AddRange(content);
            at += tag + length;
        }
        return [.. made];
    }

    /// <summary>An array of doubles that are stored as bytes, all of them zero.</summary>
    private static byte[] Zeros(SeededRandom random)
    {
        var count = 1 << (10 + random.NextInt(13));
        return Element(14, [.. Element(6, [6, 0, 0, 0, 0, 0, 0, 0]), .. Element(5, [1, 0, 0, 0, .. BitConverter.GetBytes(count)]),
            .. Element(1, [.. "zeros\0\0\0"u8]), .. Element(2, new byte[count])]);
    }

    private static byte[] Element(int type, byte[] content) =>
        [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(content.Length), .. content];

    private static byte[] Png(byte[] file, SeededRandom random)
    {
        const int signature = 8, around = 12;
        var made = file[..signature].ToList();
        var damage = random.NextInt(3);
        for (var (at, chunk) = (signature, 0); at + around <= file.Length; chunk++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            var (name, content) = (file[(at + 4)..(at + 8)], file[(at + 8)..(at + 8 + length)]);
            var packed = name.AsSpan().SequenceEqual("IDAT"u8);
            if (random.NextInt(3) == 0)
                content = packed && damage > 0 ? Deflated(Bytes(Inflated(content), random)) : Bytes(content, random);
            var (size, sum) = (new byte[4], new byte[4]);
            BinaryPrimitives.WriteInt32BigEndian(size, content.Length);
            byte[] named = [.. name, .. content];
            BinaryPrimitives.WriteUInt32BigEndian(sum, PngFile.CheckSum(named));
            made.AddRange([.. size, .. named, .. sum]);
            at += around + length;
        }
        return [.. made];
    }

    private static byte[] Inflated(byte[] bytes)
    {
        using var source = new ZLibStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var result = new MemoryStream();
        source.CopyTo(result);
        return result.ToArray();
    }

    private static byte[] Deflated(byte[] bytes)
    {
        using var result = new MemoryStream();
        using (var packed = new ZLibStream(result, CompressionLevel.Fastest, leaveOpen: true)) packed.Write(bytes);
        return result.ToArray();
    }

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex Numbers();
}
