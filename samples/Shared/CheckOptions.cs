using System.CommandLine;
using System.Globalization;

namespace PersonReId.Commands;

/// <summary>Checks of option values, so that the program names a mistake before it does anything.</summary>
internal static class CheckOptions
{
    public static void Positive(params ReadOnlySpan<Option<int>> options) => AtLeast(1, options);

    public static void AtLeast(int low, params ReadOnlySpan<Option<int>> options)
    {
        foreach (var option in options)
            option.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => int.TryParse(token.Value, out var value) && value < low)) result.AddError(
                    $"{option.Name} must be at least {low}.");
            });
    }

    public static void Between(double low, double high, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
            option.Validators.Add(result =>
            {
                if (result.Tokens.Any(token => double.TryParse(token.Value, CultureInfo.InvariantCulture, out var value)
                    && !(value >= low && value <= high)))
                    result.AddError(string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be between {low} and {high}."));
            });
    }
}
