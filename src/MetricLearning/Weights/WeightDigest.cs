using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The SHA-256 of tensors: of every name, type, shape and value, in the order of the names.</summary>
internal static class WeightDigest
{
    /// <summary>The digest, after that of a text, in hexadecimal digits.</summary>
    /// <exception cref="ArgumentException">As for <see cref="GivenTensors.Checked"/>.</exception>
    public static string Of(string text, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        using var sha = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
        {
            stream.Write(Encoding.UTF8.GetBytes(text));
            foreach (var (name, tensor) in GivenTensors.Checked(tensors).OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                stream.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                    $"\n{name} {tensor.dtype} {Guard.Shape(tensor)}\n")));
                RawTensor.Write(stream, tensor);
            }
        }
        return Convert.ToHexString(sha.Hash!);
    }
}
