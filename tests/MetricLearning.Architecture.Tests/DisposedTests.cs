using System.Reflection;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that a disposed object either still does what it is asked, or says that it has been disposed and names its type. It must
/// not fail with a message of libtorch about an empty handle, and it must not read memory that was freed.</summary>
public class DisposedTests
{
    public static TheoryData<string> Types => [.. PublicTypes.Constructible.Except(SettingTests.Results)
        .Where(type => typeof(IDisposable).IsAssignableFrom(type) && !Examples.NeedsFiles(type)).Select(type => type.FullName!)];

    [Theory, MemberData(nameof(Types))]
    public void ADisposedObject_NamesItself(string name)
    {
        var type = PublicTypes.Named(name);
        using var scope = NewDisposeScope();
        var faults = new List<string>();
        var instance = Examples.Make(type);
        ((IDisposable)instance).Dispose();
        ((IDisposable)instance).Dispose();      // a second time does nothing
        foreach (var member in Members(type))
        {
            try
            {
                if (Result(member.Invoke(instance, Examples.Arguments(member))) is Tensor { IsInvalid: true })
                    faults.Add($"{type.Name}.{member.Name} gives a disposed tensor");
            }
            catch (TargetInvocationException thrown) when (thrown.InnerException is ObjectDisposedException disposed)
            {
                if (!disposed.ObjectName.Contains(type.Name, StringComparison.Ordinal))
                    faults.Add($"{type.Name}.{member.Name} names '{disposed.ObjectName}': {disposed.Message}");
            }
            catch (TargetInvocationException thrown)
            {
                faults.Add($"{type.Name}.{member.Name} throws {thrown.InnerException!.GetType().Name}: {thrown.InnerException.Message}");
            }
            catch (ObjectDisposedException disposed) when (disposed.ObjectName.Contains(type.Name, StringComparison.Ordinal)) { }
        }
        Faults.None(faults);
    }

    /// <summary>Waits for a task. Its error is that of the call.</summary>
    private static object? Result(object? returned)
    {
        if (returned is Task task) task.GetAwaiter().GetResult();
        return returned;
    }

    public static TheoryData<string> TypesThatTakeTensors => [.. PublicTypes.All.Where(type => !type.ContainsGenericParameters
        && !SettingTests.Results.Contains(type) && !Examples.NeedsFiles(type) && type != typeof(Scalars) && TakeTensors(type).Any())
        .Select(type => type.FullName!)];

    /// <summary>A call may refuse another argument first, but libtorch must not be the one that finds a disposed tensor. The operators of
    /// <see cref="Scalars"/> are those of libtorch.</summary>
    [Theory, MemberData(nameof(TypesThatTakeTensors))]
    public void ADisposedTensor_IsRefused(string name)
    {
        var type = PublicTypes.Named(name);
        using var scope = NewDisposeScope();
        using var gone = rand(4, 8);
        gone.Dispose();
        var faults = new List<string>();
        foreach (var member in TakeTensors(type))
            foreach (var place in member.GetParameters().Where(IsTensor).Select(parameter => parameter.Position))
            {
                var arguments = Examples.Arguments(member);
                arguments[place] = gone;
                try
                {
                    if (member is ConstructorInfo made) made.Invoke(arguments);
                    else member.Invoke(member.IsStatic ? null : Examples.Make(type), arguments);
                }
                catch (TargetInvocationException thrown)
                {
                    if (thrown.InnerException!.Message.Contains("empty handle", StringComparison.Ordinal))
                        faults.Add($"{type.Name}.{member.Name}({member.GetParameters()[place].Name})");
                }
            }
        Faults.None(faults);
    }

    private static bool IsTensor(ParameterInfo parameter) => parameter.ParameterType == typeof(Tensor);

    private static IEnumerable<MethodBase> TakeTensors(Type type) =>
        Examples.Callable(type).Where(member => member.GetParameters().Any(IsTensor));

    /// <summary>The public members of an object that a library declares. Members that TorchSharp declares are its own.</summary>
    private static IEnumerable<MethodInfo> Members(Type type) => type.GetMethods(BindingFlags.Public | BindingFlags.Instance)
        .Where(method => PublicTypes.Libraries.Contains(method.DeclaringType!.Assembly) && !method.ContainsGenericParameters
            && method.Name is not (nameof(IDisposable.Dispose) or "DisposeAsync" or nameof(Equals) or nameof(IGraphLayer.Describe))
            && !method.Name.StartsWith("set_", StringComparison.Ordinal)
            && !method.GetParameters().Any(parameter => parameter.ParameterType.IsByRefLike || parameter.ParameterType.IsByRef));
}
