using System.Globalization;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Compares the canaries of a stored collection with those of a program.</summary>
internal static class StoredCanaries
{
    private const string Advice = "Use the model that filled it, or embed the records again under another name.";

    /// <summary>Refuses a collection that another model has filled.</summary>
    /// <param name="own">The canaries of the program.</param>
    /// <param name="stored">Those of the collection, as JSON.</param>
    /// <param name="name">The name of the collection.</param>
    /// <exception cref="VectorStoreException">They are of two models, or of other inputs.</exception>
    public static void Check(GalleryCanaries own, string stored, string name)
    {
        var there = Read(stored, name);
        if (!own.HasInputsOf(there))
            throw Refused($"The collection '{name}' has canaries of other inputs, which cannot be compared with this program's. Make them "
                + "with GalleryCanaries.MakeAsync of the same inputs.");
        if (own.Dimension != there.Dimension)
            throw Refused($"The model of this program gives vectors of {own.Dimension} numbers, and the one that filled the collection "
                + $"'{name}' gave {there.Dimension}. {Advice}");
        if (own.Difference(there) is var apart && !(apart <= own.Tolerance))
            throw Refused($"The model of this program is not the one that filled the collection '{name}': the vectors of the same inputs "
                + $"differ by {Text(apart)} of their length, and at most {Text(own.Tolerance)} is allowed. {Advice}");

        VectorStoreException Refused(string message) => new(message) { CollectionName = name };
    }

    /// <summary>The canaries of a collection.</summary>
    /// <exception cref="VectorStoreException">They cannot be read.</exception>
    public static GalleryCanaries Read(string stored, string name)
    {
        try
        {
            return GalleryCanaries.Parse(stored);
        }
        catch (InvalidDataException e)
        {
            throw new VectorStoreException($"The collection '{name}' is damaged: {e.Message}", e) { CollectionName = name };
        }
    }

    private static string Text(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
