namespace MetricLearning.Search.Tests;

public class FilterTypeTests
{
    /// <summary>A program that is compiled ahead of time has only the types that the table names. Other types are made at each
    /// call.</summary>
    [Fact]
    public void TypesOfRecords_AreInTheTable()
    {
        var types = typeof(object).Assembly.GetExportedTypes().Where(RecordValues.Has).ToList();
        Assert.Equal(16, types.Count);
        foreach (var type in types)
        {
            var orNull = type.IsValueType ? typeof(Nullable<>).MakeGenericType(type) : type;
            foreach (var one in new[] { type, orNull })
            {
                var known = FilterType.Of(one);
                Assert.Same(known, FilterType.Of(one));
                Assert.Equal((one, orNull), (known.Type, known.OrNull));
                Assert.Equal([one], known.Contains.GetGenericArguments());
                Assert.Equal(one.MakeArrayType(), known.NewArray(2).GetType());
            }
        }
        var made = FilterType.Of(typeof(DayOfWeek));
        Assert.Equal((typeof(DayOfWeek), typeof(DayOfWeek?)), (made.Type, made.OrNull));
    }
}
