using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using MetricLearning.Vision;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that a call changes only what its name says. It must not change its arguments, the object that it is called on, torch's
/// generator or a setting of the process, must not return an argument as its result, and must give the same numbers when it is called
/// again. The calls that do one of these on purpose are listed here; their documentation says so.</summary>
[Collection(AloneCollection.Name)]
public class PurityTests
{
    private static readonly HashSet<string> changesArguments = ["EvaluationMode..ctor", "StagedFreeze..ctor",
        "WeightLoading.LoadWeights", "GradientAccumulation.Backward"];
    private static readonly HashSet<string> changesSettings = ["EvaluationMode..ctor", "EvaluationMode.Dispose"];

    /// <summary>Names of members that change their object.</summary>
    private static readonly HashSet<string> changing =
        ["Dispose", "Step", "StartEpoch", "Update", "Add", "Use", "Mine", "SaveLastAndBest", "Backward"];

    /// <summary>Members of modules that are a step of training: batch norm, memories and running means change with each call.</summary>
    private static readonly HashSet<string> training = ["forward", "call", "Values"];

    public static TheoryData<string> Types => [.. Examples.TypesWith(Members)];

    [Theory, MemberData(nameof(Types))]
    public void ACall_ChangesOnlyWhatItsNameSays(string name)
    {
        var type = PublicTypes.Named(name);
        var faults = new List<string>();
        foreach (var member in Members(type))
        {
            using var scope = NewDisposeScope();
            var instance = Examples.Target(type, member);
            var arguments = Examples.Arguments(member);
            var (given, own, process) = (arguments.Select(Seen).ToArray(), Seen(instance), Settings());
            using var generator = get_rng_state();
            var (result, threw) = Call(member, instance, arguments);
            var label = $"{type.Name}.{member.Name}";
            var isModule = instance is nn.Module || Made(member).IsAssignableTo(typeof(nn.Module));
            var text = $"{label}({string.Join(", ", member.GetParameters().Select(parameter => parameter.Name))})";

            for (var i = 0; i < arguments.Length; i++)
                if (given[i] != Seen(arguments[i]) && !changesArguments.Contains(label)
                    && !(instance is PixelStep && member.Name == nameof(PixelStep.Apply)))
                    faults.Add($"{text} changes {member.GetParameters()[i].Name}");
            if (own != Seen(instance) && !changing.Contains(member.Name) && !(isModule && training.Contains(member.Name)))
                faults.Add($"{text} changes its object");
            if (process != Settings() && !changesSettings.Contains(label)) faults.Add($"{text} changes a setting of the process");
            using var after = get_rng_state();
            if (!generator.data<byte>().SequenceEqual(after.data<byte>()) && (threw || !isModule && type != typeof(GradientCache)))
                faults.Add($"{text} draws random numbers from torch's generator{(threw ? ", and throws" : "")}");
            if (Tensors(result).Any(tensor => arguments.SelectMany(Tensors).Any(argument => ReferenceEquals(tensor, argument))))
                faults.Add($"{text} returns an argument");
            var repeats = !isModule && !changing.Contains(member.Name) && !member.IsConstructor && Tensors(result).Any();
            if (repeats && Seen(result) != Seen(Call(member, instance, arguments).Result))
                faults.Add($"{text} differs when it is called again");
            (result as IDisposable)?.Dispose();
            (instance as IDisposable)?.Dispose();
        }
        Faults.None(faults);
    }

    private static IEnumerable<MethodBase> Members(Type type) => Examples.Callable(type).Where(member =>
        !member.Name.StartsWith("set_", StringComparison.Ordinal) && !Made(member).IsByRefLike);

    private static Type Made(MethodBase member) => member is MethodInfo method ? method.ReturnType : member.DeclaringType!;

    /// <summary>Calls a member, enumerates a sequence, and waits for a task.</summary>
    private static (object? Result, bool Threw) Call(MethodBase member, object? instance, object?[] arguments)
    {
        try
        {
            var result = member is ConstructorInfo constructor ? constructor.Invoke(arguments) : member.Invoke(instance, arguments);
            if (result is Task task) task.GetAwaiter().GetResult();
            if (result is IEnumerable sequence and not Tensor) foreach (var _ in sequence) { }
            return (result, false);
        }
        catch (Exception e) when (e is not NotSupportedException)
        {
            return (null, true);        // the tests of the type try its errors
        }
    }

    private static IEnumerable<Tensor> Tensors(object? value) => value switch
    {
        Tensor tensor => [tensor],
        IEnumerable<Tensor> tensors => tensors,
        ITuple tuple => Enumerable.Range(0, tuple.Length).SelectMany(i => Tensors(tuple[i])),
        _ => [],
    };

    private static string Settings() => $"{get_num_threads()} {is_grad_enabled()} {get_default_dtype()} {CultureInfo.CurrentCulture.Name}";

    /// <summary>What can be seen of a value: its numbers, and those of its properties, parameters and state.</summary>
    private static string Seen(object? value) => value switch
    {
        null or Stream => "",           // a stream is read
        Tensor { IsInvalid: true } => "disposed",
        Tensor tensor => Joined([$"{tensor.dtype}", string.Join(',', tensor.shape), $"{tensor.requires_grad}", $"{tensor.grad is null}",
            Numbers(tensor)]),
        ITuple tuple => Joined(Enumerable.Range(0, tuple.Length).Select(i => Seen(tuple[i]))),
        string or ValueType or Delegate or Type => value.ToString()!,
        IDictionary map => Joined(map.Keys.Cast<object?>().Concat(map.Values.Cast<object?>()).Select(Seen)),
        nn.Module module => module.training + Joined(module.named_parameters().Select(part => Seen(part.parameter))
            .Concat(module.named_buffers().Select(part => Seen(part.buffer)))) + (value is ITrainingState state ? State(state) : ""),
        ITrainingState state => State(state) + Properties(value),
        IList list => Joined(list.Cast<object?>().Select(Seen)),
        _ => Properties(value),
    };

    private static string Properties(object value) => Joined(value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.GetIndexParameters().Length == 0 && IsNumbers(property.PropertyType))
        .Select(property =>
        {
            try
            {
                return property.Name + Seen(property.GetValue(value));
            }
            catch (TargetInvocationException)
            {
                return property.Name;       // for example of a disposed object
            }
        }));

    private static bool IsNumbers(Type type) => type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(Tensor)
        || typeof(IReadOnlyList<long>).IsAssignableFrom(type) || Nullable.GetUnderlyingType(type) is not null;

    private static string State(ITrainingState state)
    {
        try
        {
            return Joined(state.SaveState().Select(entry => $"{entry.Key}={entry.Value:R}")
                .Concat(state.StateTensors.Values.Select(Seen)));
        }
        catch (Exception e) when (e is InvalidOperationException)
        {
            return e.Message;
        }
    }

    private static string Numbers(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var hash = new HashCode();
        hash.AddBytes(tensor.detach().cpu().contiguous().bytes);
        return hash.ToHashCode().ToString(CultureInfo.InvariantCulture);
    }

    private static string Joined(IEnumerable<string> parts) => string.Join(';', parts);
}
