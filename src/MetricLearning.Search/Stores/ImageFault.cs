namespace MetricLearning.Search;

/// <summary>An error about one image of several. It keeps the number of the image, so that a store can name the record.</summary>
internal static class ImageFault
{
    private const string PlaceKey = "MetricLearning.Search.ImageFault";

    /// <summary>Puts the name of the image before the message of an error. An error of the image stays an
    /// <see cref="InvalidDataException"/>, an error of the network an <see cref="InvalidOperationException"/>.</summary>
    /// <param name="error">The error, of one of these types.</param>
    /// <param name="name">The name of the image.</param>
    /// <param name="place">The number of the image, from 0.</param>
    public static Exception Of(Exception error, string name, int place)
    {
        var cause = PlaceOf(error) is null ? error : error.InnerException!;
        var message = $"{name}: {cause.Message}";
        Exception named = cause is InvalidDataException ? new InvalidDataException(message, cause)
            : new InvalidOperationException(message, cause);
        named.Data[PlaceKey] = place;
        return named;
    }

    /// <summary>The number of the image that an error is about; null if it is not such an error.</summary>
    public static int? PlaceOf(Exception error) => error.Data[PlaceKey] as int?;
}
