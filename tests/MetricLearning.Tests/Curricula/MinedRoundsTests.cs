using System.Globalization;
using System.Text.Json;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the loop of docs/recipes.md that mines triplets in each round and resumes in the middle of an epoch.</summary>
[LeavesNoTensors]
public sealed class MinedRoundsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rounds").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory, InlineData(1), InlineData(4), InlineData(7), InlineData(13), InlineData(18)]
    public void AResumedRun_EndsAsAWholeRun(int killedAfter)
    {
        var whole = Run("whole", int.MaxValue);
        Run("killed", killedAfter);
        Assert.Equal(whole, Run("killed", int.MaxValue));
    }

    /// <summary>Trains two rounds of two epochs, saving after each step, until it is killed.</summary>
    private string Run(string name, int steps)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var last = Path.Combine(folder, name);
        using var model = nn.Linear(4, 3);
        using var optimizer = optim.Adam(model.parameters(), 0.05);
        using var loss = new TripletLoss();
        using var drawn = new Generator(1);
        var images = rand(24, 4, generator: drawn);
        long[] labels = [.. Enumerable.Range(0, 24).Select(i => i / 4L)];
        var saved = File.Exists(last) ? TrainingCheckpoint.ReadNotes(last) : null;
        for (var round = saved is null ? 0 : int.Parse(saved["round"], CultureInfo.InvariantCulture); round < 2; round++)
        {
            var triplets = saved is null ? Mine() : JsonSerializer.Deserialize<long[][]>(saved["triplets"])!;
            var sampler = new FixedTripletsSampler([.. triplets.Select(rows => (rows[0], rows[1], rows[2]))], 5, seed: (ulong)round);
            var checkpoint = new TrainingCheckpoint();
            checkpoint.Add("model", model);
            checkpoint.Add("optimizer", optimizer);
            checkpoint.Add("sampler", sampler);
            if (saved is not null) checkpoint.Load(last);
            saved = null;
            checkpoint.Notes["round"] = round.ToString(CultureInfo.InvariantCulture);
            checkpoint.Notes["triplets"] = JsonSerializer.Serialize(triplets);
            while (sampler.State.Epoch < 2)
                foreach (var batch in sampler.Batches())
                {
                    TrainOn(batch);
                    checkpoint.Save(last);
                    if (--steps == 0) return "";
                }
        }
        return Convert.ToHexString(model.weight!.detach().bytes);

        void TrainOn(long[] batch)
        {
            using var step = NewDisposeScope();
            optimizer.zero_grad();
            loss.call(model.call(images.index_select(0, tensor(batch))), Triplets.InThrees(batch.Length)).backward();
            optimizer.SafeStep();
        }

        long[][] Mine()
        {
            using var unchanging = no_grad();
            return [.. new HardNegativeSearch { NegativesPerAnchor = 1 }.Find(model.call(images), labels)
                .Select(hard => new[] { hard.Anchor, hard.Positive, hard.Negative })];
        }
    }
}
