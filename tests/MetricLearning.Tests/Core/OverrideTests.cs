using System.Reflection;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what the base classes do with a wrong result of a user's subclass: an error names the member and both shapes. A wrong
/// number never comes out.</summary>
[LeavesNoTensors]
public class OverrideTests
{
    /// <summary>Members whose result is no tensor of a known shape: a number that is checked elsewhere, or a flag.</summary>
    private static readonly string[] free = ["LearningRateSchedule.Factor", "ClassLoss.get_IsCrossEntropy"];

    /// <summary>For each member: a call that makes it return a wrong result. The flag asks for null instead.</summary>
    private static readonly Dictionary<string, Action<bool>> calls = new()
    {
        ["Distance.MatrixCore"] = none => Use(new Off(none).Matrix(Rows(), Rows())),
        ["Distance.PairwiseCore"] = none => Use(new Off(none).Pairwise(Rows(), Rows())),
        ["Miner.MineCore"] = none => new OffMiner(none).Mine(Rows(), Labels()).Dispose(),
        ["Reducer.ReduceCore"] = none => Use(new TripletLoss { Reducer = new OffReducer(none) }.forward(Rows(), Labels())),
        ["Regularizer.PenaltyCore"] = none => Use(new OffRegularizer(none).Penalty(Rows())),
        ["Neck.Transform"] = none => Use(new OffNeck(none).forward(Rows())),
        ["Pooling.Pool"] = none => Use(new OffPooling(none).forward(rand(2, 3, 4, 4))),
        ["Backbone.FeatureMap"] = none => Use(new OffBackbone(none).forward(rand(2, 3, 4, 4))),
        ["PartModel.Parts"] = none => new OffParts(none).forward(rand(2, 3, 4, 4)).Dispose(),
        ["LogitLoss.Costs"] = none => Use(new OffCosts(none).forward(Rows(), Labels())),
        ["GradedPairLoss.Compare"] = none => Use(new OffPairs(none).forward(Rows(), Rows(), Rows().select(1, 0))),
        ["ViewLoss.Compare"] = none => Use(new OffViews(none).forward(Rows(), Rows())),
        ["MetricLoss.Terms"] = none => Use(new OffTerms(none).forward(Rows(), Labels())),
        ["TupleLoss.Terms"] = none => Use(new OffTuples(none).forward(Rows(), Labels())),
        ["ClassLoss.Score"] = none => OfClasses(none, "Score", loss => loss.Logits(Rows())),
        ["ClassLoss.Bend"] = none => OfClasses(none, "Bend", loss => loss.forward(Rows(), Labels())),
        ["ClassLoss.TrainingScores"] = none => OfClasses(none, "TrainingScores", loss => loss.forward(Rows(), Labels())),
        ["ClassLoss.ClassTerms"] = none => OfClasses(none, "ClassTerms", loss => loss.forward(Rows(), Labels())),
    };

    public static TheoryData<string> Names => [.. calls.Keys];

    [Theory, MemberData(nameof(Names))]
    public void AWrongResult_IsAnError(string member)
    {
        using var scope = NewDisposeScope();
        // Bend has no check of its own: its result is that of TrainingScores, and the terms of a loss are checked for all losses together.
        var named = member switch { "ClassLoss.Bend" => "TrainingScores", "ClassLoss.ClassTerms" => "Terms", _ => member.Split('.')[1] };
        Assert.Contains($".{named} must return", Assert.Throws<InvalidOperationException>(() => calls[member](false)).Message);
        Assert.Matches($@"\.{named} must return .*, got null\.",
            Assert.Throws<InvalidOperationException>(() => calls[member](true)).Message);
    }

    /// <summary>A new member that a subclass may override needs a call in the table.</summary>
    [Fact]
    public void EveryMemberThatAUserWrites_IsTried()
    {
        var members = typeof(Distance).Assembly.GetExportedTypes().Where(type => type is { IsAbstract: true, IsSealed: false })
            .Where(type => type != typeof(Sampler) && !type.Name.EndsWith("Graph", StringComparison.Ordinal))
            .SelectMany(type => type.GetMethods(BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                .Where(method => method is { IsFamily: true, IsVirtual: true, IsFinal: false }
                    && method.Name is not ("Dispose" or "PrintMembers" or "get_EqualityContract"))
                .Select(method => $"{type.Name}.{method.Name}"));
        Assert.Equal(members.Except(free).Order(), calls.Keys.Order());
    }

    [Fact]
    public void TuplesOfAnotherBatch_AreNotUsed()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<InvalidOperationException>(() =>
            new ContrastiveLoss { Miner = new OffMiner(none: false) }.forward(Rows(), Labels()));
        Assert.Equal("OffMiner.MineCore must return tuples over 6 rows and 6 columns, got 3 and 3.", error.Message);
    }

    [Fact]
    public void AnchorsOfAnotherNumber_AreNotUsed()
    {
        using var scope = NewDisposeScope();
        Assert.Equal("OffAnchors.Terms must return an anchor for each of the values [6], got [3].",
            Assert.Throws<InvalidOperationException>(() => new OffAnchors().forward(Rows(), Labels())).Message);
    }

    [Fact]
    public void ADrawThatIsNull_IsAnError() => Assert.Equal("OffSampler.Draw must return a value, got null.",
        Assert.Throws<InvalidOperationException>(() => new OffSampler().ToArray()).Message);

    private static Tensor Rows() => rand(6, 4);

    private static Tensor Labels() => tensor(new long[] { 0, 0, 1, 1, 2, 2 });

    private static void Use(Tensor result) => result.Dispose();

    private static void OfClasses(bool none, string member, Func<OffClass, Tensor> call)
    {
        using var loss = new OffClass(none, member);
        Use(call(loss));
    }

    private sealed class Off(bool none) : Distance
    {
        protected override Tensor MatrixCore(Tensor x, Tensor y) => none ? null! : x;

        protected override Tensor PairwiseCore(Tensor x, Tensor y) => none ? null! : (x - y).abs();
    }

    private sealed class OffMiner(bool none) : Miner
    {
        protected override Tuples MineCore(Tensor distances, Pairs candidates) => none ? null! : Triplets.Packed(3);
    }

    private sealed class OffReducer(bool none) : Reducer
    {
        protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => none ? null! : term.Values;
    }

    private sealed class OffRegularizer(bool none) : Regularizer
    {
        protected override Tensor PenaltyCore(Tensor vectors) => none ? null! : vectors;
    }

    private sealed class OffNeck(bool none) : Neck("neck")
    {
        public override long OutputDimension(long inputDimension) => 2;

        protected override Tensor Transform(Tensor features) => none ? null! : features;
    }

    private sealed class OffPooling(bool none) : Pooling("pooling")
    {
        protected override Tensor Pool(Tensor map) => none ? null! : map;
    }

    private sealed class OffBackbone(bool none) : Backbone("backbone", channels: 5)
    {
        protected override Tensor FeatureMap(Tensor images) => none ? null! : images;
    }

    private sealed class OffParts(bool none) : PartModel("parts", classes: 0)
    {
        public override long EmbeddingDimension => 7;

        protected override PartOutput Parts(Tensor images) => none ? null! : new([], images.flatten(1), []);
    }

    private sealed class OffCosts(bool none) : LogitLoss("costs")
    {
        protected override Tensor Costs(Tensor logits, Tensor labels) => none ? null! : logits;
    }

    private sealed class OffViews(bool none) : ViewLoss("views")
    {
        protected override Tensor Compare(Tensor first, Tensor second) => none ? null! : first - second;
    }

    private sealed class OffPairs(bool none) : GradedPairLoss("pairs")
    {
        protected override Tensor Compare(Tensor first, Tensor second, Tensor similarities) => none ? null! : first - second;
    }

    private sealed class OffTerms(bool none) : MetricLoss("terms")
    {
        protected override IEnumerable<LossTerm> Terms(LossBatch batch) => none ? null! : [new(batch.Embeddings)];
    }

    private sealed class OffAnchors() : MetricLoss("anchors")
    {
        protected override IEnumerable<LossTerm> Terms(LossBatch batch) => [new(batch.Embeddings.sum(1), arange(3, ScalarType.Int64))];
    }

    private sealed class OffTuples(bool none) : TupleLoss("tuples")
    {
        protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples) =>
            none ? [new(null!)] : [new(distances.Matrix)];
    }

    private sealed class OffClass(bool none, string member) : ClassLoss("class", classes: 3, dimension: 4)
    {
        protected override Tensor Score(Tensor embeddings, Tensor weights) =>
            Or(nameof(Score), embeddings.matmul(weights.t()));

        protected override Tensor Bend(Tensor scores, Tensor labels) => Or(nameof(Bend), scores);

        protected override Tensor TrainingScores(Tensor embeddings, Tensor weights, Tensor labels) =>
            Or(nameof(TrainingScores), base.TrainingScores(embeddings, weights, labels));

        protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights) =>
            member != nameof(ClassTerms) ? base.ClassTerms(batch, labels, weights) : none ? [new(null!)] : [new(batch.Embeddings)];

        private Tensor Or(string name, Tensor right) => member != name ? right : none ? null! : right.narrow(1, 0, 2);
    }

    private sealed class OffSampler() : Sampler(batchSize: 2, seed: 1)
    {
        public override long[] Draw(int epoch) => null!;
    }
}
