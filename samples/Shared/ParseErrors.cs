using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;

namespace MetricLearning.Samples;

/// <summary>Explains each error of a command line in one line, and suggests what was probably meant.</summary>
internal static class ParseErrors
{
    /// <summary>The greatest number of values that are listed in full.</summary>
    private const int Listed = 6;

    /// <summary>The errors of a command line. They include mistakes that the parser lets pass: <c>0,5</c> would be read as 5, a third
    /// value of a pair would make it invalid, and an option before the name of a command would be ignored.</summary>
    public static IEnumerable<string> Of(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is [var unmatched, ..])
        {
            yield return Unknown(parsed.CommandResult.Command, unmatched);
            yield break;
        }
        foreach (var error in parsed.Errors) yield return Of(error);
        foreach (var given in parsed.CommandResult.Children.OfType<OptionResult>())
            if (given.Tokens.Count > given.Option.Arity.MaximumNumberOfValues && given.Option.Arity.MaximumNumberOfValues > 1)
                yield return $"{given.Option.Name} takes {given.Option.Arity.MaximumNumberOfValues} values, got "
                    + $"{string.Join(' ', given.Tokens.Select(token => token.Value))}.";
            else if (OddNumber(given) is { } odd) yield return $"{given.Option.Name} takes {KindOf(given.Option.ValueType)}, got {odd}.";
        if (parsed.CommandResult.Parent is CommandResult parent)
            foreach (var given in parent.Children.OfType<OptionResult>())
                if (given is { Implicit: false, Option.Recursive: false })
                    yield return $"{given.Option.Name} stands before the command {parsed.CommandResult.Command.Name}. Write it after "
                        + "the command, if the command has it.";
    }

    /// <summary>The first value of an option that is written as no finite number, without separators of thousands; null if there is
    /// none.</summary>
    private static string? OddNumber(OptionResult given) =>
        given.Option.ValueType == typeof(double) || given.Option.ValueType == typeof(double?) || given.Option.ValueType == typeof(double[])
            ? given.Tokens.FirstOrDefault(token => double.TryParse(token.Value, CultureInfo.InvariantCulture, out _)
                && !(double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                    && double.IsFinite(value)))?.Value
            : null;

    private static string Of(ParseError error)
    {
        var result = error.SymbolResult is ArgumentResult { Parent: OptionResult of } ? of : error.SymbolResult;
        if (result is not OptionResult { Option: var option, Tokens: var tokens }) return error.Message;
        if (Values(option) is { } values
            && tokens.FirstOrDefault(token => !values.Contains(token.Value, StringComparer.Ordinal)) is { Value: var odd })
            return $"{option.Name}: there is no {odd}. {(values.Length <= Listed ? $"It takes {string.Join(", ", values)}."
                : NearNames.Describe(odd, values))}";
        return KindOf(option.ValueType) is { } kind && error.Message.StartsWith("Cannot parse", StringComparison.Ordinal)
            ? $"{option.Name} takes {kind}, got {string.Join(' ', tokens.Select(token => token.Value.Length == 0 ? "''" : token.Value))}."
            : error.Message;
    }

    private static string Unknown(Command command, string word)
    {
        var isOption = word.StartsWith('-');
        string[] known = isOption ? [.. command.Options.Select(option => option.Name), "--debug"]
            : [.. command.Subcommands.Select(sub => sub.Name)];
        return $"There is no {(isOption ? "option" : "command or option")} {word}."
            + (NearNames.Nearest(word, known) is { } near ? $" Did you mean {near}?"
                : !isOption && known.Length > 0 ? $" The commands are {string.Join(", ", known)}." : "");
    }

    /// <summary>The values that an option takes, if they are few; null if it takes any.</summary>
    private static string[]? Values(Option option)
    {
        string[] values = [.. option.GetCompletions(CompletionContext.Empty).Select(completion => completion.Label)];
        return values.Length > 0 && (option.ValueType == typeof(string) || option.ValueType == typeof(string[])) ? values : null;
    }

    private static string? KindOf(Type type) =>
        type == typeof(int) || type == typeof(int?) || type == typeof(ulong) ? "a whole number"
        : type == typeof(double) || type == typeof(double?) ? "a number"
        : type == typeof(int[]) ? "whole numbers"
        : type == typeof(FileInfo) ? "the path of a file"
        : type == typeof(DirectoryInfo) ? "the path of a folder"
        : type == typeof(double[]) ? "numbers" : null;
}
