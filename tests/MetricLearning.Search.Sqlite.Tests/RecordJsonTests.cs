using System.Text;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search.Tests;

public sealed class RecordJsonTests
{
    private sealed class Event
    {
        [VectorStoreKey]
        public int Id { get; set; }

        [VectorStoreData]
        public DateTime At { get; set; }

        [VectorStoreVector(2)]
        public float[] Vector { get; set; } = [1, 2];
    }

    /// <summary>The file may have been written in another time zone. This one may skip the hour.</summary>
    [Theory]
    [InlineData("2024-03-31T02:30:00.1234567+14:00", DateTimeKind.Local)]
    [InlineData("2024-03-31T02:30:00.1234567-12:00", DateTimeKind.Local)]
    [InlineData("2024-03-31T02:30:00.1234567Z", DateTimeKind.Utc)]
    [InlineData("2024-03-31T02:30:00.1234567", DateTimeKind.Unspecified)]
    public void ATime_IsReadAsItWasWritten(string written, DateTimeKind kind)
    {
        var at = Read(written);
        Assert.Equal(new DateTime(2024, 3, 31, 2, 30, 0).AddTicks(1234567), at);
        Assert.Equal(kind, at.Kind);
    }

    [Fact]
    public void TheFirstAndTheLastTime_ComeBack()
    {
        foreach (var kind in Enum.GetValues<DateTimeKind>())
            foreach (var at in new[] { DateTime.MinValue, DateTime.MaxValue })
            {
                var given = DateTime.SpecifyKind(at, kind);
                var read = Read(given.ToString("O"));
                Assert.Equal((given, kind), (read, read.Kind));
            }
    }

    [Fact]
    public void AnotherText_IsRefused() => Assert.Throws<FormatException>(() => Read("2024-03-31"));

    private static DateTime Read(string text)
    {
        var record = new Event();
        RecordJson.Read(Encoding.UTF8.GetBytes($$"""{"At": "{{text}}"}"""), Model.Values.OfType<DataPropertyModel>(), record);
        return record.At;
    }

    private static RecordModel<int, Event> Model { get; } = new(null, null, null);
}
