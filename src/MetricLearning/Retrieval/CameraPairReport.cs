using System.Globalization;
using System.Text;

namespace MetricLearning;

/// <summary>An evaluation for each pair of a query camera and a gallery camera.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed class CameraPairReport
{
    private readonly IReadOnlyDictionary<(long, long), RetrievalReport> reports;

    internal CameraPairReport(IReadOnlyList<long> queryCameras, IReadOnlyList<long> galleryCameras,
        IReadOnlyDictionary<(long, long), RetrievalReport> reports) =>
        (QueryCameras, GalleryCameras, this.reports) = (queryCameras, galleryCameras, reports);

    /// <summary>The cameras of the queries, ascending.</summary>
    public IReadOnlyList<long> QueryCameras { get; }

    /// <summary>The cameras of the gallery images, ascending.</summary>
    public IReadOnlyList<long> GalleryCameras { get; }

    /// <summary>The report of one camera's queries against one camera's gallery images. The queries keep their order.</summary>
    /// <param name="queryCamera">One of <see cref="QueryCameras"/>.</param>
    /// <param name="galleryCamera">One of <see cref="GalleryCameras"/>.</param>
    /// <exception cref="KeyNotFoundException">There are no images of such a camera.</exception>
    public RetrievalReport this[long queryCamera, long galleryCamera] => reports.TryGetValue((queryCamera, galleryCamera), out var report)
        ? report
        : throw new KeyNotFoundException($"There is no report of query camera {queryCamera} and gallery camera {galleryCamera}: the "
            + $"queries have the cameras {MessageText.Some(QueryCameras)}, the gallery {MessageText.Some(GalleryCameras)}.");

    /// <summary>A table of rank-1 in percent, one row for each query camera ("–" if no query has a match), and a table of the number of
    /// queries that were counted.</summary>
    public override string ToString() =>
        Table("rank-1 in %",
            report => report.ValidQueries == 0 ? "–" : (100 * report.RankAt(1)).ToString("F1", CultureInfo.InvariantCulture))
        + Table("queries counted", report => report.ValidQueries.ToString(CultureInfo.InvariantCulture));

    private string Table(string title, Func<RetrievalReport, string> cell)
    {
        var text = new StringBuilder($"{title}, query camera down, gallery camera across\n      ");
        foreach (var camera in GalleryCameras) text.Append(CultureInfo.InvariantCulture, $"{camera,8}");
        foreach (var row in QueryCameras)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{row,6}");
            foreach (var column in GalleryCameras) text.Append(CultureInfo.InvariantCulture, $"{cell(this[row, column]),8}");
        }
        return text.Append('\n').ToString();
    }
}
