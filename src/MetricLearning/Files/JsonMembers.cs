using System.Text.Json;
using System.Text.Json.Nodes;

namespace MetricLearning;

/// <summary>Reads the members of JSON objects that must be there. Its errors name what is missing.</summary>
internal static class JsonMembers
{
    /// <summary>The object that a text holds.</summary>
    /// <exception cref="JsonException">The text is not JSON, or not an object.</exception>
    public static JsonObject Root(string json) => JsonNode.Parse(json) as JsonObject ?? throw new JsonException("it is not a JSON object");

    /// <summary>A member of an object.</summary>
    /// <exception cref="JsonException">There is no such member, or it is null.</exception>
    public static JsonNode Member(this JsonObject node, string name) => node[name] ?? throw new JsonException($"it has no '{name}'");

    /// <summary>The entries of a list in an object.</summary>
    /// <exception cref="JsonException">There is no such member, it is not a list, or an entry is null.</exception>
    public static IEnumerable<JsonNode> Entries(this JsonObject node, string name) =>
        (node.Member(name) as JsonArray ?? throw new JsonException($"'{name}' is not a list"))
            .Select((entry, i) => entry ?? throw new JsonException($"entry {i} of '{name}' is null"));
}
