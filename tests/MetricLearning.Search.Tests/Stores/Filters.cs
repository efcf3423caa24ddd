using System.Linq.Expressions;

namespace MetricLearning.Search.Tests;

/// <summary>Filters, each with a plain condition that keeps the same records.</summary>
internal static class Filters
{
    private static readonly int[] ids = [1, 3, 5, 19, 77];
    private static readonly List<string?> names = ["item a", "item c", null];
    private static readonly int five = 5;
    private static readonly string red = "red";
    private static readonly HashSet<string?> spelled = new(StringComparer.OrdinalIgnoreCase) { "ITEM A" };
    private static readonly System.Collections.Frozen.FrozenSet<string> frozen =
        System.Collections.Frozen.FrozenSet.ToFrozenSet(["1", "Red"], StringComparer.OrdinalIgnoreCase);
    private static readonly SortedSet<string> ordered = new(StringComparer.InvariantCultureIgnoreCase) { "Item" };
    private static readonly Dictionary<string, int> keyed = new(StringComparer.OrdinalIgnoreCase) { ["item A"] = 1 };
    private static readonly Dictionary<string, int> prices = new() { ["item a"] = 1, ["ITEM B"] = 2 };
    private static readonly HashSet<string?> exact = ["item a", "ITEM B", null];
    private static readonly HashSet<string> digits = new(StringComparer.OrdinalIgnoreCase) { "17" };
    private static readonly long[] counts = [10_000_000_000L, 7];
    private static readonly DayOfWeek[] days = [DayOfWeek.Sunday, DayOfWeek.Tuesday];
    private static readonly object itemB = new string("item b".ToCharArray()), boxed = 2L;
    private static object? Nothing => null;
    private static readonly List<object?> objects = ["item a", null];
    private static readonly Guid second = Item.GroupOf(1);
    private static readonly DateTimeOffset spring = new(2026, 4, 1, 0, 0, 0, TimeSpan.Zero);

    public static IReadOnlyList<(Expression<Func<Item, bool>> Filter, Func<Item, bool> Keeps)> All { get; } =
    [
        // Equality
        (r => r.Id == 5, r => r.Id == 5),
        (r => 5 == r.Id, r => r.Id == 5),
        (r => r.Id == five, r => r.Id == 5),
        (r => r.Id != 5, r => r.Id != 5),
        (r => r.Name == "item b", r => r.Name == "item b"),
        (r => r.Name != "item b", r => r.Name != "item b"),
        (r => r.Name == null, r => r.Name is null),
        (r => r.Name != null, r => r.Name is not null),
        (r => r.Name == "Item B", _ => false),
        (r => r.Name == "with 'quotes\" and \0", _ => false),
        (r => r.Count == null, r => r.Count is null),
        (r => r.Count != null, r => r.Count is not null),
        (r => r.Count == 10_000_000_000L, r => r.Count == 10_000_000_000L),
        (r => r.Count != 10_000_000_000L, r => r.Count != 10_000_000_000L),
        (r => r.Group == second, r => r.Group == second),
        (r => r.Since == spring, r => r.Since == spring),
        (r => r.Price == 0, r => r.Price == 0),
        // Nullable properties
        (r => r.Count.HasValue, r => r.Count is not null),
        (r => !r.Count.HasValue, r => r.Count is null),
        (r => r.Count.HasValue == false, r => r.Count is null),
        (r => r.Count!.Value == 10_000_000_000L, r => r.Count == 10_000_000_000L),
        (r => r.Count.HasValue && r.Count.Value > 50_000_000_000L, r => r.Count > 50_000_000_000L),
        (r => !(r.Count!.Value < 50_000_000_000L), r => !(r.Count < 50_000_000_000L)),
        (r => r.Checked == true, r => r.Checked == true),
        (r => r.Checked != true, r => r.Checked != true),
        (r => r.Checked!.Value, r => r.Checked == true),
        (r => !r.Checked!.Value, r => r.Checked != true),
        (r => r.Checked.HasValue && r.Checked.Value, r => r.Checked == true),
        (r => r.Checked.HasValue && !r.Checked.Value, r => r.Checked == false),
        (r => r.Checked!.Value == false, r => r.Checked == false),
        (r => r.Checked!.Value || r.Sold, r => r.Checked == true || r.Sold),
        (r => counts.Contains(r.Count!.Value), r => r.Count == 10_000_000_000L),
        (r => !counts.Contains(r.Count!.Value), r => r.Count != 10_000_000_000L),
        // Values whose static type is object, and enumerations
        (r => (object?)r.Name == (object)"item b", r => r.Name == "item b"),
        (r => (object?)r.Name != itemB, r => r.Name != "item b"),
        (r => itemB == (object?)r.Name, r => r.Name == "item b"),
        (r => (object)r.Size == boxed, r => r.Size == 2),
        (r => (object?)r.Count == Nothing, r => r.Count is null),
        (r => (object)r.Size != Nothing, _ => true),
        (r => (DayOfWeek)r.Size == DayOfWeek.Monday, r => r.Size == 1),
        (r => days.Contains((DayOfWeek)r.Size), r => r.Size is 0 or 2),
        (r => objects.Contains(r.Name), r => r.Name is null or "item a"),
        // Comparison
        (r => r.Size > 0, r => r.Size > 0),
        (r => r.Size >= 0, r => r.Size >= 0),
        (r => r.Size < 0, r => r.Size < 0),
        (r => r.Size <= 0, r => r.Size <= 0),
        (r => 0 < r.Size, r => r.Size > 0),
        (r => r.Count > 50_000_000_000L, r => r.Count > 50_000_000_000L),
        (r => r.Count <= 50_000_000_000L, r => r.Count <= 50_000_000_000L),
        (r => r.Price > -1.5, r => r.Price > -1.5),
        (r => r.Price < 2.25, r => r.Price < 2.25),
        (r => r.Since > spring, r => r.Since > spring),
        (r => r.Since <= spring, r => r.Since <= spring),
        (r => r.Id > r.Size, r => r.Id > r.Size),
        (r => r.Id < 3 + five, r => r.Id < 8),
        // Logic
        (r => r.Sold, r => r.Sold),
        (r => !r.Sold, r => !r.Sold),
        (r => r.Sold == false, r => !r.Sold),
        (r => r.Sold && r.Size > 0, r => r.Sold && r.Size > 0),
        (r => r.Sold || r.Size > 0, r => r.Sold || r.Size > 0),
        (r => !(r.Sold || r.Size > 0), r => !r.Sold && r.Size <= 0),
        (r => !(r.Sold && r.Size > 0), r => !r.Sold || r.Size <= 0),
        (r => (r.Sold || r.Size > 0) && r.Name != null && r.Id != 7, r => (r.Sold || r.Size > 0) && r.Name is not null && r.Id != 7),
        (r => !!r.Sold, r => r.Sold),
        (_ => true, _ => true),
        (_ => false, _ => false),
        (r => five == 5 && r.Id == 1, r => r.Id == 1),
        // Contains
        (r => r.Tags!.Contains("red"), r => r.Tags?.Contains("red") == true),
        (r => r.Tags!.Contains(red), r => r.Tags?.Contains("red") == true),
        (r => !r.Tags!.Contains("green"), r => r.Tags?.Contains("green") != true),
        (r => r.Colors.Contains("green"), r => r.Colors.Contains("green")),
        (r => r.Colors.Contains("none"), _ => false),
        (r => ids.Contains(r.Id), r => ids.Contains(r.Id)),
        (r => !ids.Contains(r.Id), r => !ids.Contains(r.Id)),
        (r => new[] { 2, 4 }.Contains(r.Id), r => r.Id is 2 or 4),
        (r => names.Contains(r.Name), r => r.Name is null or "item a" or "item c"),
        (r => new List<int> { 2, 4 }.Contains(r.Id), r => r.Id is 2 or 4),
        (r => prices.Keys.Contains(r.Name!), r => r.Name is "item a"),
        (r => !prices.Keys.Contains(r.Name!), r => r.Name is not "item a"),
        (r => exact.Contains(r.Name), r => r.Name is null or "item a"),
        (r => digits.Contains(r.Name!), _ => false),
        (r => ids.Contains(r.Id) && r.Sold == false, r => ids.Contains(r.Id) && !r.Sold),
        // Any
        (r => r.Tags!.Any(tag => tag == "blue"), r => r.Tags?.Contains("blue") == true),
        (r => r.Colors.Any(color => names.Contains(color) || color == "green"), r => r.Colors.Contains("green")),
        (r => !r.Tags!.Any(tag => tag == "red"), r => r.Tags?.Contains("red") != true),
    ];

    /// <summary>Filters that are refused, each with the text that the message must contain.</summary>
    public static IReadOnlyList<(Expression<Func<Item, bool>> Filter, string Named)> Refused { get; } =
    [
        (r => r.Name!.StartsWith("item"), "StartsWith"),
        (r => r.Name!.Contains("tem"), "Contains and Any of a list; a text has neither"),
        (r => r.Name!.Length > 3, "MemberAccess"),
        (r => r.Size + 1 > 2, "Add"),
        (r => r.Size % 2 == 0, "Modulo"),
        (r => r.Since.Year == 2026, "MemberAccess"),
        (r => r.Sold ? r.Size > 0 : r.Size < 0, "Conditional"),
        (r => (r.Name ?? "none") == "none", "Coalesce"),
        (r => r.Tags!.Any(), "Any"),
        (r => r.Tags!.Count() > 1, "Count"),
        (r => r.Equals(null), "Equals"),
        (r => r.Name!.Equals("item b"), "Equals"),
        (r => Equals(r.Name, "item b"), "Equals"),
        (r => (object?)r.Name == boxed, "cannot compare String with Int64"),
        (r => spelled.Contains(r.Name), "a HashSet`1 that ignores case, as this one does for 'ITEM A'"),
        (r => !spelled.Contains(r.Name), "Use a list of all spellings"),
        (r => ordered.Contains(r.Name!), "a SortedSet`1 that ignores case, as this one does for 'Item'"),
        (r => keyed.Keys.Contains(r.Name!), "a KeyCollection that ignores case, as this one does for 'item A'"),
        (r => r.Tags!.Any(tag => frozen.Contains(tag)), "that ignores case, as this one does for 'Red'"),
        (r => r.Tags == Item.Words, "cannot compare lists"),
        (r => r.Vector.Length == 4, "Length"),
        (r => r.Place == null, "Place"),
        (r => r.Ignored == null, "Ignored"),
    ];
}
