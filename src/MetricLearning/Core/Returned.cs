using System.Globalization;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Checks what an override returns. A subclass may be a user's: its mistake must be an error, never a wrong number.</summary>
internal static class Returned
{
    /// <summary>Stands for a size that an override is free to choose.</summary>
    public const long Any = -1;

    /// <summary>Requires a tensor of a shape.</summary>
    /// <param name="value">What the override returned.</param>
    /// <param name="owner">The object of the subclass.</param>
    /// <param name="member">The name of the override.</param>
    /// <param name="shape">The expected sizes; none for a scalar.</param>
    /// <exception cref="InvalidOperationException">The tensor is null or has another shape.</exception>
    public static Tensor Shape(Tensor? value, object owner, string member, params ReadOnlySpan<long> shape)
    {
        if (value is null) throw Wrong(owner, member, Text(shape), "null");
        var fits = value.dim() == shape.Length;
        for (var i = 0; fits && i < shape.Length; i++) fits = shape[i] == Any || value.size(i) == shape[i];
        return fits ? value : throw Wrong(owner, member, Text(shape), Guard.Shape(value));
    }

    /// <summary>Requires a value.</summary>
    /// <exception cref="InvalidOperationException">The value is null.</exception>
    public static T Value<T>(T? value, object owner, [CallerArgumentExpression(nameof(value))] string member = "") where T : class =>
        value ?? throw Wrong(owner, member, "a value", "null");

    /// <summary>The error for a result that does not fit.</summary>
    public static InvalidOperationException Wrong(object owner, string member, string expected, string got)
    {
        var end = member.IndexOf('(', StringComparison.Ordinal);
        return new($"{owner.GetType().Name}.{(end < 0 ? member : member[..end])} must return {expected}, got {got}.");
    }

    private static string Text(ReadOnlySpan<long> shape)
    {
        if (shape.Length == 0) return "a scalar";
        var sizes = new string[shape.Length];
        for (var i = 0; i < shape.Length; i++) sizes[i] = shape[i] == Any ? "any" : shape[i].ToString(CultureInfo.InvariantCulture);
        return $"[{string.Join(", ", sizes)}]";
    }
}
