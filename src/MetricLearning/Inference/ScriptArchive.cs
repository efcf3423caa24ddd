using System.IO.Compression;
using System.Text;

namespace MetricLearning;

/// <summary>A class of TorchScript without attributes, in the archive that libtorch loads modules from.</summary>
internal static class ScriptArchive
{
    /// <summary>The bytes of the archive.</summary>
    /// <param name="text">The class, <see cref="ScriptText.Class"/>.</param>
    public static byte[] Of(string text)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("data.pkl", Instance());
            Add("code/__torch__.py", Encoding.ASCII.GetBytes(text));
            Add("constants.pkl", NoConstants());
            Add("version", "3\n"u8.ToArray());

            void Add(string path, byte[] content)
            {
                using var entry = zip.CreateEntry("archive/" + path, CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }
        }
        return bytes.ToArray();
    }

    /// <summary>The pickle of an object of the class in evaluation mode.</summary>
    private static byte[] Instance()
    {
        using var bytes = new MemoryStream();
        var pickle = new PickleWriter(bytes);
        pickle.Global("__torch__", ScriptText.Class);
        pickle.Code(')', '\u0081', '}', '(');
        pickle.Text("training");
        pickle.False();
        pickle.Code('u', 'b', '.');
        return bytes.ToArray();
    }

    private static byte[] NoConstants()
    {
        using var bytes = new MemoryStream();
        new PickleWriter(bytes).Code(')', '.');
        return bytes.ToArray();
    }
}
