using System.Globalization;

namespace MetricLearning;

/// <summary>Reads the numbers of a saved state, and refuses those that are missing or impossible.</summary>
internal static class StateNumbers
{
    /// <summary>A whole number of at least <paramref name="minimum"/>.</summary>
    public static long Count(this IReadOnlyDictionary<string, double> state, string name, long minimum = 0)
    {
        var value = Number(state, name);
        return value == Math.Floor(value) && value >= minimum && value <= 1L << 53 ? (long)value
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"{name} must be a whole number of at least {minimum}, got {value}."), nameof(state));
    }

    /// <summary>Any number, NaN too.</summary>
    public static double Number(this IReadOnlyDictionary<string, double> state, string name)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.TryGetValue(name, out var value) ? value
            : throw new ArgumentException($"the number '{name}' is missing.", nameof(state));
    }

    /// <summary>Refuses the state of an object with other settings.</summary>
    /// <param name="state">The numbers.</param>
    /// <param name="settings">The settings of this object by name; NaN for one that is not set.</param>
    public static void CheckSettings(this IReadOnlyDictionary<string, double> state, IReadOnlyDictionary<string, double> settings)
    {
        foreach (var (name, here) in settings)
            if (Number(state, name) is var saved && !saved.Equals(here))
                throw new ArgumentException($"it was saved with {name} = {Text(saved)}, and here {name} = {Text(here)}.", nameof(state));
    }

    /// <summary>A number in [0, 1].</summary>
    public static double Share(this IReadOnlyDictionary<string, double> state, string name) =>
        Number(state, name) is >= 0 and <= 1 and var value ? value
            : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"{name} must be in [0, 1], got {Number(state, name)}."), nameof(state));

    private static string Text(double value) => double.IsNaN(value) ? "none" : value.ToString("R", CultureInfo.InvariantCulture);
}
