using System.Security.Cryptography;

namespace MetricLearning.Search.Tests;

public class GalleryCanariesTests
{
    /// <summary>Stored canaries are vectors of these bytes, so the bytes must never change.</summary>
    [Theory, InlineData(0, "3c9f29df4a8ca1ae"), InlineData(1, "e2c80116eee363a4"), InlineData(2, "ffdd44b81ade2f3d")]
    public void ThePictures_NeverChange(int number, string digest) =>
        Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(GalleryCanaries.Pictures[number].Span))[..16]);

    [Fact]
    public async Task OneModel_Agrees_AndAnotherDoesNot()
    {
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        Assert.Equal((3, 8, 0.01), (canaries.Count, canaries.Dimension, canaries.Tolerance));
        Assert.Equal(0, canaries.Difference(await FakeModel.CanariesAsync(slant: 0)));
        var scaled = await GalleryCanaries.MakeAsync(Scaled(0.75f));
        Assert.Equal(0.25, canaries.Difference(scaled), 1e-6);
        Assert.Equal(0.25, scaled.Difference(canaries), 1e-6);
        Assert.False(canaries.Agrees(scaled));
        Assert.True(canaries.Agrees(await GalleryCanaries.MakeAsync(Scaled(0.992f))));
        Assert.True((await GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), tolerance: 0.26)).Agrees(scaled));
        Assert.Equal(double.PositiveInfinity, canaries.Difference(await FakeModel.CanariesAsync(slant: 0, width: 9)));
        Assert.False(canaries.Agrees(await GalleryCanaries.MakeAsync(Scaled(0))));
        Assert.Equal(0, (await GalleryCanaries.MakeAsync(Scaled(0))).Difference(await GalleryCanaries.MakeAsync(Scaled(0))));

        static Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> Scaled(float factor) => async (input, stop) =>
            Array.ConvertAll(await FakeModel.Of(slant: 0)(input, stop), number => number * factor);
    }

    [Fact]
    public async Task Json_ReadsBackAsTheSame_AndOtherTextsAreRefused()
    {
        var canaries = await GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), tolerance: 0.125);
        var json = canaries.ToJson();
        Assert.Equal(json, GalleryCanaries.Parse(json).ToJson());
        Assert.Equal(0, canaries.Difference(GalleryCanaries.Parse(json)));
        foreach (var text in new[]
        {
            "", "7", "{}", json[..^20], json.Replace("0.125", "2", StringComparison.Ordinal),
            json.Replace("\"inputs\":[", "\"inputs\":[\"one more\",", StringComparison.Ordinal),
            "null", """{"tolerance":null,"inputs":["a"],"vectors":["AAAAAA=="]}""",
            """{"tolerance":0.1,"inputs":[null],"vectors":[null]}""",
            """{"tolerance":0.1,"inputs":["a"],"vectors":["AADAfw=="]}""", """{"tolerance":0.1,"inputs":["a"],"vectors":[""]}""",
        })
            Assert.Contains("canaries", Assert.Throws<InvalidDataException>(() => GalleryCanaries.Parse(text)).Message,
                StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIsNoVector_IsRefusedWithItsInput()
    {
        foreach (var (wrong, said) in new (float[]?, string)[]
        {
            (null, "null for input 1"), ([], "an empty one for input 1"), ([1, 2, 3], "3 numbers after 2 for input 1"),
            ([1, float.NaN], "NaN at place 1 for input 1"),
        })
        {
            var calls = 0;
            var thrown = await Assert.ThrowsAsync<ArgumentException>(() =>
                GalleryCanaries.MakeAsync((_, _) => Task.FromResult(calls++ == 0 ? [1, 2] : wrong!)));
            Assert.Contains(said, thrown.Message, StringComparison.Ordinal);
        }
        await Assert.ThrowsAsync<ArgumentException>(() => GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), []));
        foreach (var tolerance in new[] { 0, 1, -0.1, double.NaN })
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() =>
                GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), tolerance: tolerance));
        var (others, usual) = (await GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), [new byte[] { 1 }]),
            await FakeModel.CanariesAsync(slant: 0));
        Assert.Throws<ArgumentException>(() => others.Difference(usual));
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), cancellationToken: stopped.Token));
    }

    [Fact]
    public async Task TheStoreInMemory_HasThemToo()
    {
        using var store = new MemoryVectorStore { Canaries = await FakeModel.CanariesAsync(slant: 0) };
        var records = store.GetCollection<int, Keyed<int>>("seen");
        await Assert.ThrowsAsync<Microsoft.Extensions.VectorData.VectorStoreException>(() => records.GetCanariesAsync());
        await records.EnsureCollectionExistsAsync();
        Assert.Same(store.Canaries, await records.GetCanariesAsync());
    }
}
