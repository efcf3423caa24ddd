using System.Globalization;

namespace PersonReId.Recipes;

/// <summary>One part of a recipe's loss.</summary>
internal sealed record LossPlan(string Name, LossKind Kind)
{
    public double Weight { get; init; } = 1;

    /// <summary>The margin, if the loss has one.</summary>
    public double Margin { get; init; }

    /// <summary>The factor on cosines, if the loss has one.</summary>
    public double Scale { get; init; }

    /// <summary>The label smoothing, if the loss has one.</summary>
    public double Smoothing { get; init; }

    /// <summary>Whether it uses the embedding, which is behind the neck, instead of the features before the neck.</summary>
    public bool OfEmbedding { get; init; }

    /// <summary>Whether it compares features of length one.</summary>
    public bool Normalized { get; init; }

    /// <summary>The widths of the prefixes that it trains beside the whole rows; empty for none.</summary>
    public IReadOnlyList<int> Widths { get; init; } = [];

    /// <summary>The learning rate of a separate SGD optimizer for the parameters of the loss, whose gradients are divided by
    /// <see cref="Weight"/>; null if the common optimizer trains them.</summary>
    public double? OwnRate { get; init; }

    /// <summary>Whether it is a triplet loss on the hardest triplets, whose margin <c>--margin</c> sets.</summary>
    public bool IsHardTriplet => Kind is LossKind.BatchHardTriplet or LossKind.FastReIdTriplet;

    /// <summary>Whether labels can be smoothed.</summary>
    public bool CanSmooth => Kind is LossKind.CrossEntropy or LossKind.FastReIdCrossEntropy or LossKind.CircleSoftmax;

    public override string ToString()
    {
        List<string> parts = [Kind.ToString()];
        Add("weight", Weight, 1);
        if (IsHardTriplet && Margin == 0) parts.Add("soft margin");
        Add("margin", Margin, 0);
        Add("scale", Scale, 0);
        Add("smoothing", Smoothing, 0);
        if (OfEmbedding) parts.Add("on the embedding");
        if (Normalized) parts.Add("on rows of length one");
        if (Widths.Count > 0) parts.Add($"and on their first {string.Join(", ", Widths.Select(N))} numbers");
        if (OwnRate is { } rate) Add("SGD of its own", rate, 0);
        return string.Join(", ", parts);

        void Add(string name, double value, double usual)
        {
            if (value != usual) parts.Add($"{name} {value.ToString("0.##########", CultureInfo.InvariantCulture)}");
        }

        static string N(int width) => width.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>The kinds of loss.</summary>
internal enum LossKind
{
    /// <summary>The hardest triplet of each image; with margin 0 the soft margin.</summary>
    BatchHardTriplet,

    /// <summary>The same loss, as fast-reid computes it.</summary>
    FastReIdTriplet,

    /// <summary>The weighted triplet loss of AGW.</summary>
    WeightedTriplet,

    /// <summary>Cross entropy of the classifier's scores.</summary>
    CrossEntropy,

    /// <summary>The same loss, with fast-reid's label smoothing.</summary>
    FastReIdCrossEntropy,

    /// <summary>The circle loss on class vectors.</summary>
    CircleSoftmax,

    /// <summary>Proxy Anchor.</summary>
    ProxyAnchor,

    /// <summary>Distances to learned centers.</summary>
    Center,
}

/// <summary>The kinds of optimizer.</summary>
internal enum OptimizerKind
{
    Adam,
    AmsGrad,
    AdamW,

    /// <summary>Stochastic gradient descent with momentum 0.9.</summary>
    Sgd,
}

/// <summary>The ways in which the learning rate falls.</summary>
internal enum ScheduleKind
{
    MultiStep,
    Cosine,
}

/// <summary>The tricks of Bag of Tricks that a recipe can leave out, in the order of its table.</summary>
internal enum Trick
{
    WarmUp,
    RandomErasing,
    LabelSmoothing,
    LastStride,
    BNNeck,
    CenterLoss,
}
