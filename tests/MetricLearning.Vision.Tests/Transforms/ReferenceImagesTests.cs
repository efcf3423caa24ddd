using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

/// <summary>Tests four real images against their values after decoding, resizing and normalizing by Pillow and torchvision.</summary>
[LeavesNoTensors]
public sealed class ReferenceImagesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void DecodingResizingAndNormalizing_GiveTheReferenceValues()
    {
        var golden = SharedData.Require("data", "golden", "io_osnet_x0_25_msmt17.npz");
        using var arrays = new NumPyArchive(golden);
        var files = arrays.ReadText("files");
        folder.Unpack("market1501-a.zip", files.Contains);
        folder.Unpack("cuhk03-np-train.zip", files.Contains);
        using var scope = NewDisposeScope();
        var decoded = arrays.Read("decoded_rgb");
        var resized = arrays.Read("resized_rgb");
        var input = arrays.Read("input_nchw");
        var transform = ImageTransform.ForEvaluation();
        var worst = new double[4];
        for (var i = 0; i < files.Length; i++)
        {
            var picture = Picture.Load(Path.Combine(folder.Path, files[i]));
            worst[0] = Math.Max(worst[0], Difference(picture, decoded[i]));
            FromReference(picture, decoded[i]);
            new Resize(256, 128).Apply(picture, new SeededRandom(0));
            worst[1] = Math.Max(worst[1], Difference(picture, resized[i]));
            var values = new float[transform.Height * transform.Width * 3];
            FromReference(picture, resized[i]);
            new Normalize().Apply(picture, values);
            worst[2] = Math.Max(worst[2], (tensor(values).view(3, 256, 128) - input[i]).abs().max().item<float>());
            worst[3] = Math.Max(worst[3], (transform.Read(Path.Combine(folder.Path, files[i]))[0] - input[i]).abs().max().item<float>());
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"decode {worst[0]}, resize {worst[1]}, normalize {worst[2]}, all {worst[3]}");
        Assert.Equal([0, 0, 0, 0], worst);
    }

    private static double Difference(Picture picture, Tensor expected)
    {
        Assert.Equal([picture.Height, picture.Width, 3], expected.shape);
        var actual = tensor(picture.Pixels.ToArray(), ScalarType.Byte).view(picture.Height, picture.Width, 4).narrow(2, 0, 3);
        return (actual.to(ScalarType.Float32) - expected.to(ScalarType.Float32)).abs().max().item<float>();
    }

    private static void FromReference(Picture picture, Tensor expected)
    {
        var (height, width) = ((int)expected.size(0), (int)expected.size(1));
        var pixels = picture.Replace(width, height, out _);
        var bytes = expected.contiguous().bytes;
        for (var i = 0; i < width * height; i++) bytes.Slice(3 * i, 3).CopyTo(pixels[(4 * i)..]);
    }
}
