namespace MetricLearning.Benchmarks.Naive;

/// <summary>torchreid's RandomIdentitySampler: dictionaries of lists, from which batches take one list at a time.</summary>
internal sealed class TorchReIdSampler
{
    private readonly Random random = new(1);
    private readonly int identities, images;
    private readonly Dictionary<long, List<long>> rowsOf = [];

    public TorchReIdSampler(IReadOnlyList<long> labels, int identities, int images)
    {
        (this.identities, this.images) = (identities, images);
        for (var row = 0; row < labels.Count; row++)
        {
            if (!rowsOf.TryGetValue(labels[row], out var rows)) rowsOf[labels[row]] = rows = [];
            rows.Add(row);
        }
    }

    public long[] Epoch()
    {
        var groups = new Dictionary<long, List<List<long>>>();
        foreach (var (identity, all) in rowsOf)
        {
            var rows = all.ToList();
            if (rows.Count < images) rows = [.. Enumerable.Range(0, images).Select(_ => all[random.Next(all.Count)])];
            Shuffle(rows);
            groups[identity] = [];
            var group = new List<long>();
            foreach (var row in rows)
            {
                group.Add(row);
                if (group.Count < images) continue;
                groups[identity].Add(group);
                group = [];
            }
        }
        var available = groups.Keys.ToList();
        var drawn = new List<long>();
        while (available.Count >= identities)
        {
            var places = new HashSet<int>();
            while (places.Count < identities) places.Add(random.Next(available.Count));
            foreach (var identity in places.Select(place => available[place]).ToList())
            {
                drawn.AddRange(groups[identity][0]);
                groups[identity].RemoveAt(0);
                if (groups[identity].Count == 0) available.Remove(identity);
            }
        }
        return [.. drawn];
    }

    private void Shuffle(List<long> items)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = random.Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
