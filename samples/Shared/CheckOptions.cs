using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace MetricLearning.Samples;

/// <summary>Checks of option values, so that the program names a mistake before it does anything.</summary>
/// <remarks>Values that are no numbers are left to <see cref="ParseErrors"/>.</remarks>
internal static class CheckOptions
{
    public static void Positive(params ReadOnlySpan<Option> options) => AtLeast(1, options);

    public static void AtLeast(int low, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
            Each(option, value => value >= low, string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be at least {low}."));
    }

    public static void Between(double low, double high, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
            Each(option, value => value >= low && value <= high,
                string.Create(CultureInfo.InvariantCulture, $"{option.Name} must be between {low} and {high}."));
    }

    /// <summary>Checks that every number of an option is allowed.</summary>
    public static void Each(Option option, Func<double, bool> allows, string message) => option.Validators.Add(result =>
    {
        if (result.Tokens.Any(token => Number(token) is { } value && !allows(value))) result.AddError(message);
    });

    /// <summary>Refuses an option that would have no effect, because another one is not given.</summary>
    public static void Needs(Command command, Option option, Symbol other) => Useless(command, option,
        result => !IsGiven(result, other), $"{option.Name} needs {other.Name}.");

    /// <summary>Refuses an option where it would have no effect.</summary>
    /// <param name="command">The command of the option.</param>
    /// <param name="option">The option.</param>
    /// <param name="when">When it has no effect.</param>
    /// <param name="message">Says so.</param>
    public static void Useless(Command command, Option option, Func<CommandResult, bool> when, string message) =>
        command.Validators.Add(result =>
        {
            if (IsGiven(result, option) && when(result)) result.AddError(message);
        });

    /// <summary>Whether the user gave an option or an argument.</summary>
    public static bool IsGiven(SymbolResult result, Symbol symbol) => symbol switch
    {
        Option option => result.GetResult(option) is { Implicit: false },
        Argument argument => result.GetResult(argument) is { Tokens.Count: > 0 },
        _ => false,
    };

    /// <summary>The value of an option in a validator. Validators also run if the parser cannot read a value: then it is the default, and
    /// <see cref="ParseErrors"/> reports the value.</summary>
    public static T? ValueOf<T>(SymbolResult result, Option<T> option)
    {
        try
        {
            return result.GetValue(option);
        }
        catch (InvalidOperationException)
        {
            return default;
        }
    }

    private static double? Number(Token token) =>
        double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && double.IsFinite(value) ? value : null;
}
