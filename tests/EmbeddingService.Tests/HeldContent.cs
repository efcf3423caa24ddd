using System.Net;
using System.Net.Http.Headers;

namespace EmbeddingService.Tests;

/// <summary>A request body that sends its first half at once, and the rest after a call of <see cref="Release"/>.</summary>
internal sealed class HeldContent : HttpContent
{
    private readonly byte[] bytes;
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HeldContent(byte[] bytes)
    {
        this.bytes = bytes;
        Headers.ContentType = new MediaTypeHeaderValue("image/x-portable-pixmap");
    }

    /// <summary>Sends the rest.</summary>
    public void Release() => released.TrySetResult();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var half = bytes.Length / 2;
        await stream.WriteAsync(bytes.AsMemory(0, half), cancellationToken);
        await stream.FlushAsync(cancellationToken);
        await released.Task.WaitAsync(cancellationToken);
        await stream.WriteAsync(bytes.AsMemory(half), cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = bytes.Length;
        return true;
    }
}
