using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Checks the arguments of public members. Each failure names the argument and prints its value or shape.</summary>
internal static class Guard
{
    /// <summary>Requires a floating-point matrix <c>[N, D]</c> with D ≥ 1; N may be 0.</summary>
    public static void Matrix(Tensor value, [CallerArgumentExpression(nameof(value))] string name = "", string columns = "D")
    {
        Alive(value, name);
        if (value.dim() != 2 || value.size(1) == 0)
            throw new ArgumentException($"{name} must be [N, {columns}], got {Shape(value)}.", name);
        if (!value.is_floating_point())
            throw new ArgumentException($"{name} must be floating point, got {value.dtype}.", name);
    }

    /// <summary>Requires embeddings of the width of a loss.</summary>
    public static void Width(Tensor embeddings, long width)
    {
        if (embeddings.size(1) != width)
            throw new ArgumentException($"embeddings must be [N, {width}] for this loss, got {Shape(embeddings)}.", nameof(embeddings));
    }

    /// <summary>Requires a tensor that has not been disposed.</summary>
    public static void Alive([NotNull] Tensor? value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(value, name);
        if (value.IsInvalid) throw new ArgumentException($"{name} must be a tensor that is in use, but it has been disposed.", name);
    }

    /// <summary>Requires that a module has not been disposed. libtorch would only say that a handle is empty, and a module without
    /// weights would go on.</summary>
    public static void InUse(nn.Module module)
    {
        try
        {
            _ = module.training;        // the native module answers, or says that it is gone
        }
        catch (ObjectDisposedException)
        {
            throw new ObjectDisposedException(module.GetType().FullName);
        }
    }

    /// <summary>Requires that the owner of a tensor has not been disposed. Memory of a disposed tensor must not be read.</summary>
    /// <returns>The tensor.</returns>
    public static T Owned<T>(T tensor, object owner) where T : Tensor
    {
        ObjectDisposedException.ThrowIf(tensor.IsInvalid, owner);
        return tensor;
    }

    /// <summary>Requires two matrices with the same width, type and device.</summary>
    public static void SameWidth(Tensor x, Tensor y,
        [CallerArgumentExpression(nameof(x))] string xName = "", [CallerArgumentExpression(nameof(y))] string yName = "")
    {
        Matrix(x, xName);
        Matrix(y, yName);
        if (x.size(1) != y.size(1))
            throw new ArgumentException($"{xName} and {yName} must have the same width D, got {Shape(x)} and {Shape(y)}.", yName);
        SameKind(x, y, xName, yName);
    }

    /// <summary>Requires two tensors with the same type and device.</summary>
    public static void SameKind(Tensor x, Tensor y,
        [CallerArgumentExpression(nameof(x))] string xName = "", [CallerArgumentExpression(nameof(y))] string yName = "")
    {
        if (x.dtype != y.dtype)
            throw new ArgumentException($"{xName} and {yName} must have the same type, got {x.dtype} and {y.dtype}. "
                + $"Convert the tensor of one of them: .to(ScalarType.{x.dtype}).", yName);
        SameDevice(x, y, xName, yName);
    }

    /// <summary>Requires two tensors on the same device.</summary>
    public static void SameDevice(Tensor x, Tensor y,
        [CallerArgumentExpression(nameof(x))] string xName = "", [CallerArgumentExpression(nameof(y))] string yName = "")
    {
        if (x.device_type != y.device_type || x.device_index != y.device_index)
            throw new ArgumentException($"{xName} and {yName} must be on the same device, got {x.device} and {y.device}.", yName);
    }

    /// <summary>Requires two matrices with the same shape, type and device.</summary>
    public static void SameRows(Tensor x, Tensor y,
        [CallerArgumentExpression(nameof(x))] string xName = "", [CallerArgumentExpression(nameof(y))] string yName = "")
    {
        SameWidth(x, y, xName, yName);
        SameCount(x, y, xName, yName);
    }

    /// <summary>Requires two matrices with the same number of rows.</summary>
    public static void SameCount(Tensor x, Tensor y,
        [CallerArgumentExpression(nameof(x))] string xName = "", [CallerArgumentExpression(nameof(y))] string yName = "")
    {
        if (x.size(0) != y.size(0))
            throw new ArgumentException($"{xName} and {yName} must have the same number of rows, got {Shape(x)} and {Shape(y)}.", yName);
    }

    /// <summary>Requires a matrix without NaN and infinities. The message names the first entry that is not finite.</summary>
    /// <param name="value">The matrix.</param>
    /// <param name="name">The argument that holds it.</param>
    /// <param name="shown">What the message calls the matrix, if that is not the argument itself.</param>
    public static void Finite(Tensor value, [CallerArgumentExpression(nameof(value))] string name = "", string? shown = null)
    {
        if (NotFinite(value) is { } found) throw new ArgumentException($"{shown ?? name} must be finite, got {found}.", name);
    }

    /// <summary>The first number of a matrix that is not finite, and its place, in words; null if all are finite.</summary>
    public static string? NotFinite(Tensor value)
    {
        using var scope = NewDisposeScope();
        return First(value, value.isfinite().logical_not());
    }

    /// <summary>Requires a matrix without NaN; infinities are allowed. The message names the first NaN.</summary>
    public static void NoNaN(Tensor value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        using var scope = NewDisposeScope();
        if (First(value, value.isnan()) is { } found) throw new ArgumentException($"{name} must have no NaN, got {found}.", name);
    }

    /// <summary>The first number of a matrix that a mask marks, and its place, in words; null if it marks none. The caller frees the
    /// tensors that are created here.</summary>
    private static string? First(Tensor value, Tensor bad)
    {
        if (!bad.any().item<bool>()) return null;
        var place = bad.nonzero();
        var (row, column) = (place[0, 0].item<long>(), place[0, 1].item<long>());
        var found = value[row, column].to(ScalarType.Float64).item<double>();
        return string.Create(CultureInfo.InvariantCulture, $"{found} in row {row}, column {column}");
    }

    /// <summary>Requires a matrix of finite numbers whose squares neither overflow nor all become 0 in float64.</summary>
    public static void Squarable(Tensor value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        Finite(value, name);
        RequireSquares(value, name, name);
    }

    /// <summary>The least size that numbers must reach to be squared: squares of differences that are smaller by the precision of float64
    /// are still above 0.</summary>
    public const double LeastSquared = 1e-140;

    /// <summary>The exception for numbers that are too small to be squared.</summary>
    public static ArgumentException TooSmall(string features, string argument, double largest) => new(string.Create(
        CultureInfo.InvariantCulture, $"{features} must reach {LeastSquared} in size, so that sums of squares do not become 0, got "
        + $"{largest} at most. Multiply them by a number."), argument);

    /// <summary>What messages call the features of an argument.</summary>
    public static string FeaturesOf(string argument) => argument == "features" ? argument : $"{argument} features";

    /// <summary>Requires finite numbers whose squares neither overflow nor all become 0 in float64.</summary>
    /// <param name="value">[N, D], finite.</param>
    /// <param name="features">What the message calls them.</param>
    /// <param name="argument">The argument that they come from.</param>
    public static void RequireSquares(Tensor value, string features, string argument)
    {
        const double largestSquared = 1e150;
        if (value.dtype != ScalarType.Float64 || value.numel() == 0) return;
        using var scope = NewDisposeScope();
        var largest = maximum(value.amax(), value.amin().neg()).item<double>();
        if (largest > largestSquared) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"{features} must be at most {largestSquared} in size, so that sums of squares do not overflow, got {largest}."), argument);
        if (largest is > 0 and < LeastSquared) throw TooSmall(features, argument, largest);
    }

    /// <summary>Requires one label per row, of any integer type. Returns int64: the tensor itself, or a widened copy in the caller's
    /// dispose scope.</summary>
    public static Tensor Labels(Tensor labels, long rows, [CallerArgumentExpression(nameof(labels))] string name = "")
    {
        Alive(labels, name);
        if (labels.dim() != 1 || labels.size(0) != rows)
            throw new ArgumentException($"{name} must be [{rows}], one label per row, got {Shape(labels)}.", name);
        if (!IsInteger(labels.dtype))
            throw new ArgumentException($"{name} must be integers (int64, int32, int16, int8 or uint8), got {labels.dtype}.", name);
        return WidenIntegers(labels);
    }

    /// <summary>Converts integers to int64: returns the tensor itself, or a widened copy in the caller's dispose scope. Other types are
    /// returned unchanged.</summary>
    public static Tensor WidenIntegers(Tensor values) =>
        values.dtype != ScalarType.Int64 && IsInteger(values.dtype) ? values.to(ScalarType.Int64) : values;

    /// <summary>Whether labels may have this type. Bool is not an integer type.</summary>
    public static bool IsInteger(ScalarType type) =>
        type is ScalarType.Int64 or ScalarType.Int32 or ScalarType.Int16 or ScalarType.Int8 or ScalarType.Byte;

    /// <summary>Requires int64 values in [0, count). They are checked only on the CPU: elsewhere the host would have to wait for the
    /// device.</summary>
    public static unsafe void InRange(Tensor values, long count, [CallerArgumentExpression(nameof(values))] string name = "",
        string reason = "")
    {
        if (values.device_type != TorchSharp.DeviceType.CPU || values.numel() == 0) return;
        using var scope = NewDisposeScope();
        var contiguous = TensorMemory.Contiguous(values);
        long* first = (long*)TensorMemory.Of(contiguous);
        var rows = contiguous.numel();
        for (var row = 0L; row < rows; row++)
            if ((ulong)first[row] >= (ulong)count)
                throw new ArgumentException($"{name} must be in [0, {count}){reason}, got {first[row]} in row {row}.", name);
    }

    /// <summary>Requires a finite number.</summary>
    public static double Finite(double value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        double.IsFinite(value) ? value : throw OutOfRange(Named(name, member), value, "finite");

    /// <summary>Requires a number or an infinity, but not NaN.</summary>
    public static double NotNaN(double value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        !double.IsNaN(value) ? value : throw OutOfRange(Named(name, member), value, "a number, not NaN");

    /// <summary>Requires a finite number greater than zero.</summary>
    public static double Positive(double value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        double.IsFinite(value) && value > 0 ? value : throw OutOfRange(Named(name, member), value, "greater than 0");

    /// <summary>Requires a finite number, zero or greater.</summary>
    public static double NotNegative(double value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        double.IsFinite(value) && value >= 0 ? value : throw OutOfRange(Named(name, member), value, "0 or greater");

    /// <summary>Requires an integer of at least <paramref name="minimum"/>.</summary>
    public static int AtLeast(int value, int minimum, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        value >= minimum ? value : throw OutOfRange(Named(name, member), value,
            string.Create(CultureInfo.InvariantCulture, $"at least {minimum}"));

    /// <summary>Requires an integer of at least <paramref name="minimum"/>.</summary>
    public static long AtLeast(long value, long minimum, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        value >= minimum ? value : throw OutOfRange(Named(name, member), value,
            string.Create(CultureInfo.InvariantCulture, $"at least {minimum}"));

    /// <summary>Requires the position of an item in a list of <paramref name="count"/> items.</summary>
    public static int Index(int value, int count, [CallerArgumentExpression(nameof(value))] string name = "") =>
        (uint)value < (uint)count ? value
            : throw OutOfRange(name, value, string.Create(CultureInfo.InvariantCulture, $"in [0, {count})"));

    /// <summary>Requires a finite number in <c>[low, high]</c>.</summary>
    public static double Within(double value, double low, double high, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        value >= low && value <= high ? value
            : throw OutOfRange(Named(name, member), value, string.Create(CultureInfo.InvariantCulture, $"in [{low}, {high}]"));

    /// <summary>Requires a number in <c>[low, high)</c>: at least the one and below the other.</summary>
    public static double HalfOpen(double value, double low, double high, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        value >= low && value < high ? value
            : throw OutOfRange(Named(name, member), value, string.Create(CultureInfo.InvariantCulture, $"in [{low}, {high})"));

    /// <summary>Requires a number in <c>(low, high)</c>: above the one and below the other.</summary>
    public static double Between(double value, double low, double high, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") =>
        value > low && value < high ? value
            : throw OutOfRange(Named(name, member), value, string.Create(CultureInfo.InvariantCulture, $"in ({low}, {high})"));

    /// <summary>Requires a value that the enum defines.</summary>
    public static T Defined<T>(T value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") where T : struct, Enum =>
        Enum.IsDefined(value) ? value : throw OutOfRange(Named(name, member), value, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    /// <summary>Requires a value that is not null.</summary>
    public static T NotNull<T>([NotNull] T? value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") where T : class =>
        value ?? throw new ArgumentNullException(Named(name, member));

    /// <summary>Requires a list without null. Returns its items.</summary>
    public static T[] Items<T>([NotNull] IEnumerable<T>? value, [CallerArgumentExpression(nameof(value))] string name = "",
        [CallerMemberName] string member = "") where T : class
    {
        T[] items = [.. NotNull(value, name, member)];
        var place = Array.FindIndex(items, item => item is null);
        return place < 0 ? items : throw new ArgumentException(
            string.Create(CultureInfo.InvariantCulture, $"{Named(name, member)} must hold no null, got one at place {place}."),
            Named(name, member));
    }

    /// <summary>Requires an int64 vector of <paramref name="count"/> indices.</summary>
    public static Tensor Indices(Tensor value, long count, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        Alive(value, name);
        if (value.dim() != 1 || value.size(0) != count)
            throw new ArgumentException($"{name} must be [{count}], got {Shape(value)}.", name);
        return value.dtype == ScalarType.Int64 ? value : throw new ArgumentException($"{name} must be int64, got {value.dtype}.", name);
    }

    /// <summary>Requires a bool mask [N, M].</summary>
    public static Tensor Mask(Tensor value, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        Alive(value, name);
        return value.dim() == 2 && value.dtype == ScalarType.Bool ? value
            : throw new ArgumentException($"{name} must be bool [N, M], got {value.dtype} {Shape(value)}.", name);
    }

    /// <summary>Formats a shape for messages: <c>[64, 2048]</c>.</summary>
    public static string Shape(Tensor value) => $"[{string.Join(", ", value.shape)}]";

    /// <summary>The name for messages: in an <c>init</c> accessor the name of the property, not <c>value</c>.</summary>
    private static string Named(string name, string member) => name == "value" ? member : name;

    private static ArgumentOutOfRangeException OutOfRange(string name, object value, string expected) =>
        new(name, value, $"{name} must be {expected}.");
}
