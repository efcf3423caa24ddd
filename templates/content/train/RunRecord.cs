using System.Text.Json;
using System.Text.Json.Serialization;
using MetricLearning;

namespace TrainingProject;

/// <summary>The measurements of a run so far. They are part of the checkpoint, so a resumed run reports those of the whole run.</summary>
internal sealed class RunRecord(TrainingCheckpoint checkpoint)
{
    private const string Sum = "sum of ", Loss = "loss", Part = "loss: ", Rate = "rate", Epoch = "epoch";
    private static readonly JsonSerializerOptions json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>The evaluation before training.</summary>
    public FullEvaluation? Before
    {
        get => checkpoint.Notes.TryGetValue("before", out var text) ? JsonSerializer.Deserialize<FullEvaluation>(text, json) : null;
        set => checkpoint.Notes["before"] = JsonSerializer.Serialize(value, json);
    }

    /// <summary>The number of steps since the last epoch ended.</summary>
    public int Steps => Series(Sum + Loss) is [_, var steps] ? (int)steps : 0;

    public double LastLoss => Series(Loss)[^1];

    /// <summary>One point for each epoch.</summary>
    public IReadOnlyList<TrainingPoint> Curves => [.. Series(Epoch).Select((epoch, i) => new TrainingPoint(epoch, Series(Loss)[i],
        [.. Names(Part).Select(name => (name[Part.Length..], Series(name)[i]))], Series(Rate)[i]))];

    /// <summary>Adds the values of a step.</summary>
    public void Add(LossSumResult result, double learningRate)
    {
        Add(Loss, result.Parts.Sum(part => part.Weight * part.Value));
        Add(Rate, learningRate);
        foreach (var part in result.Parts) Add(Part + part.Name, part.Value);

        void Add(string name, double value)
        {
            var (sum, steps) = Series(Sum + name) is [var before, var count] ? (before, count) : (0, 0);
            checkpoint.Histories[Sum + name] = [sum + value, steps + 1];
        }
    }

    /// <summary>Turns the sums into a point of the curves.</summary>
    public void EndEpoch(int epoch)
    {
        checkpoint.Histories[Epoch] = [.. Series(Epoch), epoch];
        foreach (var sum in Names(Sum))
        {
            var name = sum[Sum.Length..];
            checkpoint.Histories[name] = [.. Series(name), Series(sum)[0] / Series(sum)[1]];
            checkpoint.Histories.Remove(sum);
        }
    }

    private string[] Names(string start) =>
        [.. checkpoint.Histories.Keys.Where(name => name.StartsWith(start, StringComparison.Ordinal)).Order()];

    private IReadOnlyList<double> Series(string name) => checkpoint.Histories.TryGetValue(name, out var series) ? series : [];
}
