using System.Reflection;
using static TorchSharp.torch;

namespace MetricLearning.Architecture.Tests;

/// <summary>Tests that the calls of <see cref="Examples"/> succeed. The tests over all types change one thing in such a call, so a call
/// that fails in any case would test nothing.</summary>
[Collection(AloneCollection.Name)]
public class ExampleTests
{
    /// <summary>Members whose example fails, each with the reason. Tests of their own try them.</summary>
    private static readonly Dictionary<string, string> failing = new(StringComparer.Ordinal)
    {
        ["CheckState"] = "a state is of its own object",
        ["LoadState"] = "a state is of its own object",
        ["NPairsLoss.forward"] = "the loss takes no tuples",
        ["NPairsLoss.call"] = "the loss takes no tuples",
        ["QuadrupletLoss.forward"] = "the loss takes no tuples",
        ["QuadrupletLoss.call"] = "the loss takes no tuples",
        ["CollectionAlias.SwitchAsync"] = "there is no collection",
        ["ImageArchive.Image"] = "the archive is empty",
        ["ImageLoader.Batches"] = "there are no images",
        ["NumPyArchive.Read"] = "the archive is empty",
        ["NumPyArchive.ReadText"] = "the archive is empty",
        ["TrainingCheckpoint.LoadModule"] = "there is no file",
    };

    public static TheoryData<string> Types => [.. Examples.TypesWith(Members)];

    [Theory, MemberData(nameof(Types))]
    public void AnExample_IsACallThatSucceeds(string name)
    {
        var type = PublicTypes.Named(name);
        var faults = new List<string>();
        foreach (var member in Members(type).Where(member => !Fails(type, member)))
        {
            using var scope = NewDisposeScope();
            try
            {
                // An evaluation mode, for example, would stay in force.
                (Examples.Run(member, Examples.Target(type, member), Examples.Arguments(member)) as IDisposable)?.Dispose();
            }
            catch (Exception error)
            {
                // The examples of files name files that do not exist, or are empty.
                if (error is not (IOException or InvalidDataException))
                    faults.Add($"{type.Name}.{member.Name} throws {error.GetType().Name}: {error.Message.Split('\n')[0]}");
            }
        }
        Faults.None(faults);
    }

    [Fact]
    public void EveryMemberThatFails_Exists() => Assert.Empty(failing.Keys.Except(PublicTypes.All
        .SelectMany(type => type.GetMethods().SelectMany(method => new[] { method.Name, $"{type.Name}.{method.Name}" }))));

    /// <summary>Whether the example of a member fails on purpose.</summary>
    internal static bool Fails(Type type, MethodBase member) =>
        failing.ContainsKey(member.Name) || failing.ContainsKey($"{type.Name}.{member.Name}");

    /// <summary>The members that the tests over all types call. <see cref="SettingTests"/> tries the values of properties.</summary>
    private static IEnumerable<MethodBase> Members(Type type) => Examples.Callable(type).Where(member =>
        !member.Name.StartsWith("set_", StringComparison.Ordinal) && member is not MethodInfo { ReturnType.IsByRefLike: true });
}
