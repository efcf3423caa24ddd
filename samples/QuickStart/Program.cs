using MetricLearning;
using static TorchSharp.torch;

random.manual_seed(1);                                     // 200 classes of 20 rows; 16 of the 64 numbers tell the classes apart
var labels = Enumerable.Range(0, 4000).Select(i => i / 20L).ToArray();
var inputs = cat([randn(200, 16).repeat_interleave(20, 0) + 0.7 * randn(4000, 16), 2 * randn(4000, 48)], 1);

using var model = nn.Linear(64, 16);
using var loss = new TripletLoss(margin: 0.3) { Distance = Distance.Cosine, Miner = new BatchHardMiner() };
using var optimizer = optim.Adam(model.parameters(), lr: 0.003);
var sampler = new IdentitySampler(labels[..2000], identitiesPerBatch: 16, imagesPerIdentity: 4, seed: 1);

Evaluate("untrained");
for (var epoch = 0; epoch < 10; epoch++)
    foreach (var batch in sampler.Chunk(sampler.BatchSize))
    {
        using var step = NewDisposeScope();
        optimizer.zero_grad();
        loss.call(model.call(inputs[tensor(batch)]), tensor(batch.Select(i => labels[i]).ToArray())).backward();
        optimizer.SafeStep();
    }
Evaluate("trained");

void Evaluate(string name)                                 // on the 100 classes that training never sees
{
    using var test = new EmbeddingSet(model.call(inputs[2000..]), labels[2000..]);
    var report = new RetrievalEvaluator { Protocol = RetrievalProtocol.SelfRetrieval }.Evaluate(test);
    Console.WriteLine($"{name}: rank-1 {report.RankAt(1):P1}, mAP {report.MeanAveragePrecision:P1}");
}
