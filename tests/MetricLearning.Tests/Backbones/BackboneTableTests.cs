using System.Globalization;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Tests that docs/backbones.md agrees with the code.</summary>
[LeavesNoTensors]
public class BackboneTableTests
{
    public static TheoryData<string> Names => [.. BackboneCatalogue.Rows.Select(row => row.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Row_IsInTheDocument(string name)
    {
        var row = BackboneCatalogue.Rows.Single(row => row.Name == name);
        using var backbone = row.Create();
        backbone.eval();
        var summary = ModelSummary.Of(backbone, [1, backbone.ImageChannels, row.Height, row.Width]);
        var map = summary.Layers[0].OutputShapes[0];
        Assert.Equal(backbone.Channels, map[1]);
        var line = string.Create(CultureInfo.InvariantCulture,
            $"| {row.Name} | `{row.Make}` | {map[1]} × {map[2]} × {map[3]} | {summary.Parameters:N0} | {summary.MultiplyAdds / 1e9:0.000} "
                + $"| {row.Weights} |");
        Assert.Contains(line, Page.Read("docs", "backbones.md").Lines);
    }

    [Fact]
    public void Document_HasNoOtherRow()
    {
        var rows = Page.Read("docs", "backbones.md").Rows("All of them");
        Assert.Equal(BackboneCatalogue.Rows.Select(row => row.Name), rows.Select(cells => cells[0]));
    }
}
