using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search.Tests;

public sealed class RecordJsonTests
{
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
                var read = Read(given.ToString("O", CultureInfo.InvariantCulture));
                Assert.Equal((given, kind), (read, read.Kind));
            }
    }

    [Fact]
    public void AnotherText_IsRefused() => Assert.Throws<FormatException>(() => Read("2024-03-31"));

#pragma warning disable MEVD9001     // the store itself uses this preview
    private static DateTime Read(string text)
    {
        using var json = JsonDocument.Parse($"\"{text}\"");
        return (DateTime)RecordJson.Value(json.RootElement, new DataPropertyModel("At", typeof(DateTime)))!;
    }
#pragma warning restore MEVD9001
}
