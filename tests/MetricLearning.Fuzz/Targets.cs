using System.IO.Compression;
using System.Text;
using MetricLearning.Onnx;
using MetricLearning.Tests;
using MetricLearning.Vision;
using MetricLearning.Vision.Tests;
using SkiaSharp;
using static TorchSharp.torch;

namespace MetricLearning.Fuzz;

/// <summary>Every reader of the library, with limits so small that even small files exceed them.</summary>
internal static class Targets
{
    private const long MaxBytes = 16 << 20;
    private const int MaxPixels = 1 << 20, CodecBytesPerPixel = 32;

    /// <summary>A reader may hold the numbers three times: as they are stored, converted to their type, and reordered.</summary>
    private const long ArrayGrowth = 3 * MaxBytes;

    public static IEnumerable<Target> All(string root) => Arrays(root).Concat(Features(root)).Concat(Weights(root)).Concat(Networks(root))
        .Concat(Pictures(root)).Concat(Lists(root)).Append(Journal(root));

    private static IEnumerable<Target> Arrays(string root)
    {
        using var scope = NewDisposeScope();
        var (npy, npz, text, mat) = (Under(root, "a.npy"), Under(root, "a.npz"), Under(root, "text.npy"), Under(root, "a.mat"));
        byte[] Saved(Tensor tensor) => Written(npy, () => NumPyFile.Write(npy, tensor));
        yield return new("npy", npy, Packing.None,
            [Saved(rand(3, 4)), Saved(arange(7)), Saved(ones(2, 2, ScalarType.Bool)), Saved(rand([0, 5], ScalarType.Float64))],
            path => NumPyFile.Read(path).Dispose(), ArrayGrowth);
        byte[] TextOf(string type, byte[] content)
        {
            var header = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': False, 'shape': (2,), }}".PadRight(117) + "\n");
            return [.. Saved(ones(1))[..8], (byte)header.Length, 0, .. header, .. content];
        }
        yield return new("npy-text", text, Packing.None, [TextOf("<U2", Encoding.UTF32.GetBytes("abcd")), TextOf("|S3", [.. "abcdef"u8])],
            path => NumPyFile.ReadText(path, MaxBytes), ArrayGrowth);
        yield return new("npz", npz, Packing.Zip,
            [PublishedArrays.Archive, Written(npz, () => NumPyArchive.Write(npz, [new("x", rand(4, 4)), new("files", ones(2))]))],
            ReadArchive, ArrayGrowth);
        yield return new("mat", mat, Packing.Matlab,
            [PublishedArrays.Matlab, PublishedArrays.MatlabCompressed, PublishedArrays.MatlabMixed, PublishedArrays.MatlabMixedCompressed],
            path => MatFile.Read(path, MaxBytes).Dispose(), ArrayGrowth);
    }

    private static IEnumerable<Target> Features(string root)
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(rand(3, 4), [1, 2, 3], [1, 1, 2]) { Space = new() { Architecture = "net", Height = 8 } };
        using var gallery = new EmbeddingSet(rand(2, 4), [1, 2], [1, 3]);
        var (npz, safe, npy) = (Under(root, "f.npz"), Under(root, "f.safetensors"), Under(root, "f.npy"));
        var set = Under(root, "set.safetensors");
        void Write(string path) => FeatureFile.Write(path, ("query", query, ["a", "b", "c"]), ("gallery", gallery, ["d", "e"]));
        void Read(string path) => new FeatureReader { MaxBytes = MaxBytes }.Read(path).Dispose();
        yield return new("features-npz", npz, Packing.Zip, [Written(npz, () => Write(npz))], Read, ArrayGrowth);
        yield return new("features-safetensors", safe, Packing.Text, [Written(safe, () => Write(safe))], Read);
        yield return new("features-npy", npy, Packing.None, [Written(npy, () => FeatureFile.Write(npy, ("", gallery, ["d", "e"])))], Read,
            ArrayGrowth);
        var other = Under(root, "listed.npy");
        FeatureFile.Write(other, ("", gallery, ["d", "e"]));
        var csv = Path.ChangeExtension(other, ".csv");
        yield return new("features-csv", csv, Packing.Text, [File.ReadAllBytes(csv)], _ => Read(other), ArrayGrowth) { Folder = root };
        // The embedding space is in a file next to the features. Its checksum is that of the unchanged features.
        var spaced = Under(root, "spaced.npy");
        FeatureFile.Write(spaced, ("", query, ["a", "b", "c"]));
        var record = spaced + ".space.json";
        yield return new("features-space", record, Packing.Text, [File.ReadAllBytes(record)], _ => Read(spaced), ArrayGrowth)
            { Folder = root };
        yield return new("embedding-set", set, Packing.Text, [Written(set, () => query.Save(set))],
            path => EmbeddingSet.Load(path).Dispose());
    }

    /// <summary>Reads each array as numbers, or as text if the error says that it holds text.</summary>
    private static void ReadArchive(string path)
    {
        using var archive = new NumPyArchive(path) { MaxBytes = MaxBytes };
        foreach (var name in archive.Names)
            try
            {
                archive.Read(name).Dispose();
            }
            catch (InvalidDataException e) when (e.Message.Contains("it holds text", StringComparison.Ordinal))
            {
                archive.ReadText(name);
            }
    }

    private static IEnumerable<Target> Weights(string root)
    {
        using var scope = NewDisposeScope();
        var (pth, legacy, safe) = (Under(root, "a.pth"), Under(root, "legacy.pth"), Under(root, "a.safetensors"));
        KeyValuePair<string, Tensor>[] tensors = [new("layer.weight", rand(3, 4)), new("layer.bias", ones(3)), new("steps", tensor(7L))];
        TorchFileBuilder Builder(bool isLegacy) => new TorchFileBuilder().OrderedDict().Begin()
            .Text("a").Tensor("0", 6, [2, 3], [3, 1], legacy: isLegacy).Text("b").Tensor("1", 2, [2], [1], legacy: isLegacy).End()
            .Floats("0", 1, 2, 3, 4, 5, 6).Floats("1", 7, 8);
        yield return new("pth", pth, Packing.Zip, [Builder(false).Archive(), Written(pth, () => TorchCheckpointFile.Write(pth, tensors))],
            path => TorchCheckpointFile.Read(path).Dispose());
        yield return new("pth-legacy", legacy, Packing.None, [Builder(true).Legacy()], path => TorchCheckpointFile.Read(path).Dispose());
        TorchFileBuilder Tree() => new TorchFileBuilder().OrderedDict().Begin().Text("epoch").Int(3).Text("model").Object("mine", "Net",
            net => net.Text("_parameters").Dictionary(own => own.Text("w").Tensor("0", 6, [2], [2])).Text("_buffers")
                .Dictionary(none => none).Text("_modules").Dictionary(inner => inner.Text("fc").Object("mine", "Linear", fc => fc
                    .Text("_parameters").Dictionary(own => own.Text("w").Tensor("1", 2, [2], [1])).Text("_buffers").Raw((byte)'}')
                    .Text("_modules").Raw((byte)'}'))))
            .Text("optimizer").Dictionary(state => state.Int(0).Tensor("0", 6, [6], [1])).End()
            .Floats("0", 1, 2, 3, 4, 5, 6).Floats("1", 7, 8);
        TorchFileBuilder Script() => new TorchFileBuilder().Object("__torch__.mine", "Net", net => net.Text("training").Raw(0x89)
            .Text("scale").Tensor("0", 6, [6], [1]).Text("fc")
            .Object("__torch__.mine", "Linear", fc => fc.Text("w").Tensor("1", 2, [2], [1])))
            .Floats("0", 1, 2, 3, 4, 5, 6).Floats("1", 7, 8);
        var (module, tar) = (Under(root, "module.pth"), Under(root, "old.pth"));
        yield return new("pth-module", module, Packing.Zip, [Tree().Archive(), Script().Archive()], path =>
        {
            TorchCheckpointFile.Read(path).Dispose();
            WeightFile.Sections(path);
        });
        yield return new("pth-tar", tar, Packing.None,
            [
                new TorchFileBuilder().OrderedDict().Begin().Text("a").Reference(20).Text("b").Reference(21).End()
                    .Floats("10", 1, 2, 3, 4, 5, 6).Floats("11", 7)
                    .Tar([(20, 10, [3, 2], [1, 3], 0), (21, 12, [2], [1], 0)], [(12, 10, 4, 2)]),
            ], path => TorchCheckpointFile.Read(path).Dispose());
        var (shard, index) = (Under(root, "shard.safetensors"), Under(root, "model.safetensors.index.json"));
        SafeTensors.Write(shard, tensors);
        yield return new("shard-index", index, Packing.Text,
            [[.. """{"metadata": {}, "weight_map": {"layer.weight": "shard.safetensors", "steps": "shard.safetensors"}}"""u8]],
            path => WeightFile.Read(path).Dispose());
        yield return new("safetensors", safe, Packing.Text, [Written(safe, () => SafeTensors.Write(safe, tensors))],
            path => SafeTensors.Read(path).Dispose());
        var any = Under(root, "any.weights");
        yield return new("weights", any, Packing.None, [Builder(false).Archive(), Builder(true).Legacy(),
            Written(any, () => SafeTensors.Write(any, tensors))], path => WeightFile.Read(path).Dispose());
    }

    private static IEnumerable<Target> Networks(string root)
    {
        using var scope = NewDisposeScope();
        var (read, order) = (Under(root, "read.onnx"), Under(root, "order.onnx"));
        var model = Small();
        byte[] Exported(OnnxOptions options) => Written(read, () => OnnxFile.Export(model, read, options));
        byte[][] seeds =
        [
            Exported(new() { ClassNames = ["a", "b"], Outputs = ["logits"] }),
            Exported(new() { FoldBatchNorms = true, HalfWeights = true }),
        ];
        yield return new("onnx", read, Packing.None, seeds, path =>
        {
            OnnxFile.Read(path).Dispose();
            OnnxFile.ReadSpace(path);
            OnnxFile.ReadClassNames(path);
        });
        yield return new("onnx-order", order, Packing.None, seeds, path =>
        {
            using var fresh = Small();
            OnnxFile.LoadWeightsInOrder(fresh, path, strict: false);
        });

        static EmbeddingModel Small() => new(new ConvNet4(channels: 2), new GeMPooling(), new BNNeck(2), classes: 2);
    }

    private static IEnumerable<Target> Pictures(string root)
    {
        using var bitmap = new SKBitmap(24, 16, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        using (var canvas = new SKCanvas(bitmap))
        {
            canvas.Clear(new SKColor(20, 90, 200, 128));
            canvas.DrawRect(3, 3, 9, 9, new SKPaint { Color = SKColors.Orange });
        }
        byte[] Encoded(SKEncodedImageFormat format)
        {
            using var data = bitmap.Encode(format, 80);
            return data.ToArray();
        }
        byte[] gif =
        [
            .. "GIF89a"u8, 2, 0, 1, 0, 0b1000_0001, 0, 0, 0, 0, 0, 200, 30, 10, 5, 60, 250, 9, 9, 9, 0x21, 0xF9, 4, 0, 10, 0, 0, 0,
            0x2C, 0, 0, 0, 0, 2, 0, 1, 0, 0, 2, 2, 0b1000_1100, 0b1010, 0, 0x3B,
        ];
        byte[] bmp =
        [
            .. "BM"u8, 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 8, 0, 0, 0,
            19, 11, 0, 0, 19, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 30, 200, 250, 60, 5, 0, 0,
        ];
        void Decode(string path) => Picture.Load(path, MaxPixels);
        Target Of(string name, Packing packing, params byte[][] seeds) =>
            new(name, Under(root, $"a.{name}"), packing, seeds, Decode, (long)MaxPixels * CodecBytesPerPixel);
        return
        [
            Of("png", Packing.Png, Encoded(SKEncodedImageFormat.Png), SampleImages.Gray16, SampleImages.Palette),
            Of("jpg", Packing.None, Encoded(SKEncodedImageFormat.Jpeg), SampleImages.Progressive, SampleImages.Cmyk),
            Of("webp", Packing.None, Encoded(SKEncodedImageFormat.Webp)), Of("gif", Packing.None, gif), Of("bmp", Packing.None, bmp),
            Of("ppm", Packing.Text, [.. "P6\n# c\n2 1\n255\n"u8, 1, 2, 3, 4, 5, 6], [.. "P5 2 1 65535\n"u8, 1, 2, 3, 4],
                [.. "P1\n# c\n3 2\n1 0 1\n010\n"u8], [.. "P4\n10 2\n"u8, 1, 2, 3, 4], [.. "P2\n3 1\n6\n1 3 6\n"u8],
                [.. "P3 1 1 100\n50 1 99"u8]),
            Archive(Path.Combine(root, "pictures.zip"), Encoded(SKEncodedImageFormat.Png)),
            Of("exif.png", Packing.Png, [.. SampleImages.Palette[..33], .. PngFile.Chunk("eXIf"u8,
                [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0]), .. SampleImages.Palette[33..]],
                [.. SampleImages.Palette[..33], .. PngFile.Chunk("tEXt"u8, [.. "Raw profile type exif\0\nexif\n 26\n"u8,
                    .. "4d4d002a00000008000101120003000000010006000000000000\n"u8]), .. SampleImages.Palette[33..]],
                [.. SampleImages.Palette[..33], .. PngFile.Chunk("iTXt"u8,
                    [.. "XML:com.adobe.xmp\0\0\0\0\0<r tiff:Orientation=\"6\"/>"u8]), .. SampleImages.Palette[33..]]),
        ];
    }

    /// <summary>Pictures in a zip archive.</summary>
    private static Target Archive(string path, byte[] picture)
    {
        using var made = new MemoryStream();
        using (var zip = new ZipArchive(made, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var name in (string[])["a/1.png", "b/2.png"])
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(picture);
            }
        return new("pictures-zip", path, Packing.Zip, [made.ToArray()], file =>
        {
            using var archive = new ImageArchive(file);
            var loader = new ImageLoader(archive.Images(), ImageTransform.ForEvaluation(2, 2)) { Workers = 1, MaxPixels = MaxPixels };
            loader.Extract(batch => batch.mean([2L, 3L])).Dispose();
        }, (long)MaxPixels * CodecBytesPerPixel);
    }

    private static IEnumerable<Target> Lists(string root)
    {
        yield return List("csv", "list.csv", "file,pid,cam,split\na.jpg,1,1,train\n\"b, c.jpg\",2,1,query\nd.jpg,2,2,gallery\n", [],
            folder => ReIdDataset.Csv(Under(folder, "list.csv"), folder));
        yield return List("jsonl", "list.jsonl", """
            {"file": "a.jpg", "pid": 1, "cam": 1, "split": "train"}
            {"file": "b.jpg", "pid": 2, "cam": 1, "split": "query"}
            {"file": "c.jpg", "pid": 2, "cam": 2, "split": "gallery", "note": [1, {"x": null}]}
            """, [], folder => ReIdDataset.JsonLines(Under(folder, "list.jsonl"), folder));
        const string first = "0000/0000_000_01_0303morning_0008_0.jpg", second = "0001/0001_001_04_0113noon_0097_1.jpg";
        foreach (var mutated in new[] { "list_train.txt", "list_query.txt" })
            yield return List($"msmt17-{mutated}", mutated, $"{first} 0\n{second} 1\n",
                [$"train/{first}", $"train/{second}", $"test/{first}", $"test/{second}", "list_train.txt", "list_val.txt", "list_query.txt",
                    "list_gallery.txt"], folder => ReIdDataset.Msmt17(folder));
        const string car = "0001_c001_00016450_0.jpg", same = "0001_c002_00016460_0.jpg";
        foreach (var (mutated, text) in new[]
        {
            ("name_query.txt", $"{car}\n{same}\n"), ("test_track.txt", $"{car} {same}\n\n{same}\n"),
            ("test_label.xml", $"<?xml version=\"1.0\" encoding=\"gb2312\" ?>\n<TrainingImages><Items number=\"1\">\n"
                + $"<Item imageName=\"{car}\" vehicleID=\"0001\" cameraID=\"c001\" colorID=\"1\" />\n</Items></TrainingImages>\n"),
        })
            yield return List($"veri-{mutated}", mutated, text, [$"image_train/{car}", $"image_query/{car}", $"image_query/{same}",
                $"image_test/{car}", $"image_test/{same}", $"name_train.txt={car}", $"name_query.txt={car}",
                $"name_test.txt={car}\n{same}"],
                folder => ReIdDataset.VeRi776(folder));
        yield return List("vehicleid", "train_test_split/test_list_800.txt", "1 7\n2 7\n3 8\n4 8\n",
            ["image/1.jpg", "image/2.jpg", "image/3.jpg", "image/4.jpg", "train_test_split/train_list.txt=1 7"],
            folder => ReIdDataset.VehicleId(folder));
        const string birds = "1 001.A/a.jpg\n2 100.P/b.jpg\n3 101.P/c.jpg\n", labels = "1 1\n2 100\n3 101\n";
        string[] images = ["images/001.A/a.jpg", "images/100.P/b.jpg", "images/101.P/c.jpg", $"images.txt={birds}",
            $"image_class_labels.txt={labels}"];
        yield return List("cub-images", "images.txt", birds, images, folder => ReIdDataset.Cub200(folder));
        yield return List("cub-labels", "image_class_labels.txt", labels, images, folder => ReIdDataset.Cub200(folder));
        yield return List("sop", "Ebay_test.txt", "image_id class_id super_class_id path\n1 1 1 a/1.JPG\n2 1 1 a/2.JPG\n",
            ["a/1.JPG", "a/2.JPG", "Ebay_train.txt=image_id class_id super_class_id path\n1 1 1 a/1.JPG"],
            folder => ReIdDataset.StanfordOnlineProducts(folder));
        yield return List("inshop", "list_eval_partition.txt", "3\nimage_name item_id evaluation_status\nimg/a.jpg id_00000002 train\n"
            + "img/b.jpg id_00000003 query\nimg/c.jpg id_00000003 gallery\n", ["img/a.jpg", "img/b.jpg", "img/c.jpg"],
            folder => ReIdDataset.InShop(folder));
        const string split = """
            [{"train": [["d/1_001_1_01.png", 0, 0]], "query": [["d/1_023_1_05.png", 0, 0]],
            "gallery": [["d/1_023_1_05.png", 0, 0], ["d/1_023_2_06.png", 0, 1]], "num_train_pids": 1}]
            """;
        yield return List("cuhk03-classic", "splits.json", split, ["1_001_1_01.png", "1_023_1_05.png", "1_023_2_06.png"],
            folder => ReIdDataset.Cuhk03Classic(Under(folder, "splits.json"), folder));
        foreach (var (name, where) in new[] { ("named", "query"), ("folders", "anna") })
            yield return Names(root, name, where);
        yield return Cars(root);
        yield return Grid(root);
        const string table = ",0,1,pid,cam,file\n0,0.5,-2e3,7,1,\"a,b.jpg\"\n1,1,0,8,2,c.jpg\n";
        yield return new("csv-features", Under(root, "features.csv"), Packing.Text, [Encoding.UTF8.GetBytes(table)],
            path => FeatureFile.Read(path).Dispose());

        Target List(string name, string mutated, string text, string[] files, Func<string, ReIdDataset> read)
        {
            var folder = Directory.CreateDirectory(Under(root, name)).FullName;
            foreach (var file in files) Put(folder, file, text);
            Put(folder, mutated, text);
            return new(name, Under(folder, mutated), Packing.Text, [Encoding.UTF8.GetBytes(text)], _ => _ = read(folder).ToString(),
                NamesFiles: true) { Folder = folder };
        }
    }

    /// <summary>A reader of file names: the mutated file is a list of names, and files with these names are created first.</summary>
    private static Target Names(string root, string name, string where)
    {
        var folder = Directory.CreateDirectory(Under(root, $"names-{name}")).FullName;
        return new($"names-{name}", Under(root, $"names-{name}.txt"), Packing.Text,
            [[.. "0002_c1s1_000451_03.jpg\n-1_c2s1_000001_01.jpg\n0000_c3s1_000001_01.jpg\n"u8]], path =>
            {
                var parts = Directory.CreateDirectory(Under(folder, where)).FullName;
                foreach (var old in Directory.GetFiles(parts)) File.Delete(old);
                foreach (var line in File.ReadLines(path).Take(8))
                    if (line.Length is > 0 and < 100 && line.AsSpan().IndexOfAny('/', '\0') < 0 && line is not ("." or ".."))
                        File.WriteAllBytes(Under(parts, line), []);
                if (name == "named") ImageList.FromNamedFiles(parts, keepJunk: true);
                else ImageList.FromFolders(folder);
            }) { Folder = folder };
    }

    private static Target Cars(string root)
    {
        var folder = Directory.CreateDirectory(Under(root, "cars")).FullName;
        foreach (var image in Enumerable.Range(1, 4)) Put(folder, $"car_ims/00000{image}.jpg", "");
        return new("cars", Under(folder, "cars_annos.mat"), Packing.Matlab, [Convert.FromBase64String(PublishedCars.File)],
            _ => ReIdDataset.Cars196(folder), Growth: 256 << 20, NamesFiles: true) { Folder = folder };
    }

    private static Target Grid(string root)
    {
        var folder = Directory.CreateDirectory(Under(root, "grid")).FullName;
        for (var person = 1; person <= 4; person++)
            foreach (var part in new[] { "probe", "gallery" }) Put(folder, $"{part}/000{person}_1_25004_107_32_106_221.jpeg", "");
        return new("grid", Under(folder, "features_and_partitions.mat"), Packing.Matlab, [Convert.FromBase64String(PublishedGrid.Packed)],
            _ => ReIdDataset.Grid(folder), Growth: 256 << 20, NamesFiles: true) { Folder = folder };
    }

    private static Target Journal(string root)
    {
        var folder = Directory.CreateDirectory(Under(root, "journal")).FullName;
        var images = new ImageList(Enumerable.Range(0, 4).Select(i =>
        {
            var path = Under(folder, $"{i}.ppm");
            File.WriteAllBytes(path, [.. "P6 2 1 255\n"u8, (byte)i, 2, 3, 4, 5, 6]);
            return new ImageSample(path, i, 0);
        }));
        var loader = new ImageLoader(images, ImageTransform.ForEvaluation(2, 2)) { Workers = 1 };
        var journal = Under(folder, "journal");
        void Extract(string path) => loader.Extract(batch => batch.mean([2L, 3L]), 2, new ExtractionJournal(path)).Dispose();
        return new("journal", journal, Packing.None, [Written(journal, () => Extract(journal))], Extract);
    }

    private static string Under(string folder, string file) => Path.Combine(folder, file);

    private static byte[] Written(string path, Action write)
    {
        write();
        return File.ReadAllBytes(path);
    }

    /// <summary>Creates a file from <c>name=content</c>. Without content, a list gets the text and an image is empty.</summary>
    private static void Put(string folder, string file, string text)
    {
        var (name, content) = file.Split('=', 2) is [var named, var given] && !file.StartsWith("test_label", StringComparison.Ordinal)
            ? (named, given) : (file, file.EndsWith(".txt", StringComparison.Ordinal) ? text : "");
        var path = Under(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
