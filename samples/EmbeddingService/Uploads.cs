using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace EmbeddingService;

/// <summary>A picture file from a request.</summary>
/// <param name="Name">The name that the client gave it; null for none.</param>
/// <param name="Bytes">Its contents.</param>
internal sealed record Upload(string? Name, byte[] Bytes);

/// <summary>Reads the pictures of a request, within limits: one as its body, or several as the parts of a form.</summary>
internal sealed class Uploads(Limits limits)
{
    private const int LongestName = 200;

    /// <summary>Reads all pictures of a request, in the order of the request.</summary>
    /// <exception cref="Refusal">The request has no picture, too many pictures or too large ones, or it arrives too slowly.</exception>
    public async Task<IReadOnlyList<Upload>> Read(HttpRequest request, CancellationToken gone)
    {
        using var slow = CancellationTokenSource.CreateLinkedTokenSource(gone);
        slow.CancelAfter(limits.UploadTime);
        try
        {
            if (request.Headers.ContentEncoding.ToString() is { Length: > 0 } coding
                && !coding.Equals("identity", StringComparison.OrdinalIgnoreCase))
                throw new Refusal(StatusCodes.Status415UnsupportedMediaType, "type",
                    "Send pictures without Content-Encoding: their files are compressed already.");
            var type = MediaTypeHeaderValue.TryParse(request.ContentType, out var parsed) ? parsed : null;
            if (type?.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true)
                return await Parts(request, HeaderUtilities.RemoveQuotes(type.Boundary).ToString(), slow.Token);
            if (string.IsNullOrEmpty(request.ContentType) || type?.Type.Equals("image", StringComparison.OrdinalIgnoreCase) == true
                || type?.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase) == true)
                return await Contents(request.Body, "The picture", slow.Token) is { Length: > 0 } picture ? [new Upload(null, picture)]
                    : throw Broken("The request has no picture: its body is empty.");
            throw new Refusal(StatusCodes.Status415UnsupportedMediaType, "type", "Send one picture as the body, with a content type of "
                + "image/* or application/octet-stream, or several ones as multipart/form-data.");
        }
        catch (BadHttpRequestException e)
        {
            throw e.StatusCode switch
            {
                StatusCodes.Status413PayloadTooLarge => new Refusal(e.StatusCode, "size",
                    string.Create(CultureInfo.InvariantCulture, $"A request may have at most {limits.MaxRequestBytes:N0} bytes.")),
                StatusCodes.Status408RequestTimeout => TooSlow(),
                _ => Broken("The request is broken."),
            };
        }
        catch (OperationCanceledException) when (!gone.IsCancellationRequested)
        {
            throw TooSlow();
        }
    }

    private async Task<IReadOnlyList<Upload>> Parts(HttpRequest request, string boundary, CancellationToken cancellationToken)
    {
        if (boundary.Length is 0 or > 70) throw Broken("The content type must have a boundary of 1 to 70 characters.");
        var pictures = new List<Upload>();
        try
        {
            var form = new MultipartReader(boundary, request.Body);
            while (await form.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                if (pictures.Count == limits.MaxPictures) throw new Refusal(StatusCodes.Status413PayloadTooLarge, "count",
                    $"A request may have at most {limits.MaxPictures} pictures.");
                var number = pictures.Count + 1;
                pictures.Add(new Upload(NameOf(section), await Contents(section.Body, $"Picture {number}", cancellationToken)));
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw Broken("The form is broken: a part of it does not end, or its headers are too long.");
        }
        return pictures.Count > 0 ? pictures : throw Broken("The form has no picture.");
    }

    private async Task<byte[]> Contents(Stream stream, string what, CancellationToken cancellationToken)
    {
        using var contents = new MemoryStream();
        var buffer = new byte[1 << 14];
        for (int read; (read = await stream.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            if (contents.Length + read > limits.MaxBytes) throw new Refusal(StatusCodes.Status413PayloadTooLarge, "size",
                string.Create(CultureInfo.InvariantCulture, $"{what} may have at most {limits.MaxBytes:N0} bytes."));
            contents.Write(buffer, 0, read);
        }
        return contents.ToArray();
    }

    private static string? NameOf(MultipartSection section)
    {
        if (section.GetContentDispositionHeader() is not { } header) return null;
        var name = HeaderUtilities.RemoveQuotes(header.FileNameStar.HasValue ? header.FileNameStar
            : header.FileName.HasValue ? header.FileName : header.Name).ToString();
        return name.Length switch { 0 => null, > LongestName => name[..LongestName], _ => name };
    }

    private static Refusal Broken(string detail) => new(StatusCodes.Status400BadRequest, "broken", detail);

    private Refusal TooSlow() => new(StatusCodes.Status408RequestTimeout, "slow",
        string.Create(CultureInfo.InvariantCulture, $"The pictures did not arrive within {limits.UploadTime.TotalSeconds} seconds."));
}
