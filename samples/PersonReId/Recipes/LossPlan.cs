using System.Globalization;

namespace PersonReId.Recipes;

/// <summary>One part of a recipe's loss.</summary>
internal sealed record LossPlan(string Name, LossKind Kind)
{
    public double Weight { get; init; } = 1;

    /// <summary>The margin, where the loss has one.</summary>
    public double Margin { get; init; }

    /// <summary>The factor on cosines, where the loss has one.</summary>
    public double Scale { get; init; }

    /// <summary>The label smoothing, where the loss has one.</summary>
    public double Smoothing { get; init; }

    /// <summary>Whether it looks at the embedding, behind the neck, in place of the features before it.</summary>
    public bool OfEmbedding { get; init; }

    /// <summary>Whether it compares features of length one.</summary>
    public bool Normalized { get; init; }

    /// <summary>The learning rate of an SGD of its own for what it learns, with its gradient divided by <see cref="Weight"/>; null
    /// where the common optimizer trains it.</summary>
    public double? OwnRate { get; init; }

    /// <summary>Whether it is a triplet loss on the hardest triplets, whose margin <c>--margin</c> sets.</summary>
    public bool IsHardTriplet => Kind is LossKind.BatchHardTriplet or LossKind.FastReIdTriplet;

    /// <summary>Whether labels can be smoothed.</summary>
    public bool CanSmooth => Kind is LossKind.CrossEntropy or LossKind.FastReIdCrossEntropy or LossKind.CircleSoftmax;

    public override string ToString()
    {
        List<string> parts = [Kind.ToString()];
        Add("weight", Weight, 1);
        Add("margin", Margin, 0);
        Add("scale", Scale, 0);
        Add("smoothing", Smoothing, 0);
        if (OfEmbedding) parts.Add("on the embedding");
        if (Normalized) parts.Add("on rows of length one");
        if (OwnRate is { } rate) Add("SGD of its own", rate, 0);
        return string.Join(", ", parts);

        void Add(string name, double value, double usual)
        {
            if (value != usual) parts.Add($"{name} {value.ToString("0.##########", CultureInfo.InvariantCulture)}");
        }
    }
}

/// <summary>Which loss.</summary>
internal enum LossKind
{
    /// <summary>The hardest triplet of each image; with margin 0 the soft margin.</summary>
    BatchHardTriplet,

    /// <summary>The same as fast-reid computes it.</summary>
    FastReIdTriplet,

    /// <summary>The weighted triplet loss of AGW.</summary>
    WeightedTriplet,

    /// <summary>Cross entropy of the classifier's scores.</summary>
    CrossEntropy,

    /// <summary>The same with fast-reid's label smoothing.</summary>
    FastReIdCrossEntropy,

    /// <summary>The circle loss on class vectors.</summary>
    CircleSoftmax,

    /// <summary>Proxy Anchor.</summary>
    ProxyAnchor,

    /// <summary>Distances to learned centers.</summary>
    Center,
}

/// <summary>Which optimizer.</summary>
internal enum OptimizerKind
{
    Adam,
    AmsGrad,
    AdamW,

    /// <summary>With momentum 0.9.</summary>
    Sgd,
}

/// <summary>How the learning rate falls.</summary>
internal enum ScheduleKind
{
    MultiStep,
    Cosine,
}

/// <summary>The tricks of Bag of Tricks that a recipe can do without, in the order of its table.</summary>
internal enum Trick
{
    WarmUp,
    RandomErasing,
    LabelSmoothing,
    LastStride,
    BNNeck,
    CenterLoss,
}
