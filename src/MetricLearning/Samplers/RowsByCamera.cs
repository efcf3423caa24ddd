namespace MetricLearning;

/// <summary>The images of each identity, those of one camera together. So images of a camera, or of the others, can be drawn without
/// reading all images of the identity.</summary>
internal sealed class RowsByCamera
{
    private readonly int[] rows, starts, ends;      // the images of the camera of rows[i] are rows[starts[i]..ends[i]]

    /// <param name="identities">The images of identity i are <c>rows[identities[i]..identities[i + 1]]</c>.</param>
    /// <param name="rows">The images.</param>
    /// <param name="cameras">The camera of each image.</param>
    public RowsByCamera(int[] identities, int[] rows, int[] cameras)
    {
        this.rows = [.. rows];
        (starts, ends) = (new int[rows.Length], new int[rows.Length]);
        var keys = Array.ConvertAll(rows, row => ((long)cameras[row] << 32) | (uint)row);
        for (var identity = 0; identity + 1 < identities.Length; identity++)
        {
            var (first, end) = (identities[identity], identities[identity + 1]);
            Array.Sort(keys, this.rows, first, end - first);
            for (int start = first, next; start < end; start = next)
            {
                next = start + 1;
                while (next < end && cameras[this.rows[next]] == cameras[this.rows[start]]) next++;
                starts.AsSpan(start..next).Fill(start);
                ends.AsSpan(start..next).Fill(next);
            }
        }
    }

    /// <summary>The image at a place.</summary>
    public int this[int place] => rows[place];

    /// <summary>The number of images of the same identity and camera as the image at a place, this one included.</summary>
    public int CountAt(int place) => ends[place] - starts[place];

    /// <summary>One of the images of the same identity and camera as the image at a place, without this one.</summary>
    /// <param name="place">The place.</param>
    /// <param name="number">The number of the image, from 0.</param>
    public int Beside(int place, int number) => rows[starts[place] + number < place ? starts[place] + number : starts[place] + number + 1];

    /// <summary>One of the images of the same identity as the image at a place, and of other cameras.</summary>
    /// <param name="place">The place.</param>
    /// <param name="first">The place of the identity's first image.</param>
    /// <param name="number">The number of the image, from 0.</param>
    public int Elsewhere(int place, int first, int number) =>
        rows[first + number < starts[place] ? first + number : first + number + CountAt(place)];
}
