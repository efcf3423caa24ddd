using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Linq.Expressions;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>The parts of a record: its key, its values without vectors, and a vector for each vector property.</summary>
/// <param name="Key">The key.</param>
/// <param name="Values">The store's own copy of the record, without vectors.</param>
/// <param name="Vectors">A vector for each vector property; null if the record has none.</param>
internal sealed record StoredRecord<TKey, TRecord>(TKey Key, TRecord Values, ReadOnlyMemory<float>?[] Vectors);

/// <summary>Divides records of a type into their parts, and makes records of parts.</summary>
internal sealed class RecordModel<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private const string Reflection = "The type of records is read by reflection.";

    private readonly CollectionModel model;
    private readonly PropertyModel[] values;
    private readonly EmbeddingSpace? space;
    private readonly string earlierSchema;

    /// <param name="definition">The definition; null if attributes define the properties.</param>
    /// <param name="generator">Makes vectors of other inputs; null for none.</param>
    /// <param name="space">The embedding space of the vectors; null if it is not known.</param>
    /// <exception cref="ArgumentException">The space has vectors of another length than the records, or the name of a property has half of
    /// a surrogate pair.</exception>
    [RequiresDynamicCode(Reflection)]
    [RequiresUnreferencedCode(Reflection)]
    public RecordModel(VectorStoreCollectionDefinition? definition, IEmbeddingGenerator? generator, EmbeddingSpace? space)
        : this(typeof(TRecord) == typeof(Dictionary<string, object?>) ? OfDictionaries(definition, generator)
            : new RecordModelBuilder().Build(typeof(TRecord), typeof(TKey), definition, generator), space)
    {
    }

    private RecordModel(CollectionModel model, EmbeddingSpace? space)
    {
        (this.model, this.space) = (model, space);
        foreach (var property in model.Properties)
        {
            UnicodeText.Require(property.ModelName, "definition", "The name of a property");
            UnicodeText.Require(property.StorageName, "definition", $"The storage name of '{property.ModelName}'");
        }
        Vectors = [.. model.VectorProperties];
        Distances = [.. Vectors.Select(RecordDistance.Of)];
        Shapes = [.. Vectors.Zip(Distances, (property, distance) => new RowShape(distance.Metric, WidthOf(property)))];
        values = [.. model.Properties.Except(Vectors)];
        (Schema, earlierSchema) = (Describe(NameOf), Describe(type => type.Name));
        if (space?.Dimension is { } dimension && Vectors.Length > 0 && !Array.Exists(Vectors, vector => vector.Dimensions == dimension))
            throw new ArgumentException($"EmbeddingSpace has vectors of {dimension} numbers, but the records have "
                + string.Join(", ", Vectors.Select(vector => $"'{vector.ModelName}' with {vector.Dimensions}")) + ".");
    }

    /// <summary>Makes the model of records that are dictionaries. Nothing is read by reflection.</summary>
    public static RecordModel<TKey, TRecord> Dynamic(VectorStoreCollectionDefinition definition, IEmbeddingGenerator? generator,
        EmbeddingSpace? space) => new(OfDictionaries(definition, generator), space);

    private static CollectionModel OfDictionaries(VectorStoreCollectionDefinition? definition, IEmbeddingGenerator? generator) =>
        typeof(TKey) == typeof(object)
            ? new RecordModelBuilder().BuildDynamic(Guard.NotNull(definition), definition.EmbeddingGenerator ?? generator)
            : throw new NotSupportedException("A collection of dictionaries has keys of type object; use GetDynamicCollection.");

    /// <summary>The vector properties.</summary>
    public VectorPropertyModel[] Vectors { get; }

    /// <summary>The conversion of the scores of each vector property.</summary>
    public RecordDistance[] Distances { get; }

    /// <summary>The layout of the rows of each vector property in memory.</summary>
    public RowShape[] Shapes { get; }

    /// <summary>The properties that are not vectors, including the key.</summary>
    public IReadOnlyList<PropertyModel> Values => values;

    /// <summary>A description of the properties, by which stores recognize a collection.</summary>
    public string Schema { get; }

    /// <summary>The key.</summary>
    public KeyPropertyModel Key => model.KeyProperty;

    /// <summary>Returns a key if it has the type of the collection's keys. The keys of dictionaries are objects of any type.</summary>
    /// <param name="key">The key.</param>
    /// <param name="name">The name of the argument.</param>
    /// <exception cref="ArgumentException">The key is null or has another type.</exception>
    public TKey Checked(TKey key, string name) => Key.Type.IsInstanceOfType(KeyGuard.NotNull(key, name)) ? key
        : throw new ArgumentException($"{name} must be {NameOf(Key.Type)}, the type of '{Key.ModelName}', got {NameOf(key.GetType())} "
            + $"{KeyText.Of(key)}.", name);

    /// <summary>Whether an embedding generator makes vectors of the records.</summary>
    public bool Generates => model.EmbeddingGenerationRequired;

    /// <summary>A property by its name.</summary>
    public PropertyModel? Named(string name) => model.PropertyMap.GetValueOrDefault(name);

    /// <summary>The number of the vector property that a search names, or of the only one.</summary>
    /// <exception cref="NotSupportedException">The selector names no property, or casts it to another type.</exception>
    /// <exception cref="InvalidOperationException">The selector names a vector that records do not have, or there are several and no
    /// selector.</exception>
    public int VectorOf(VectorSearchOptions<TRecord> options) => Array.IndexOf(Vectors, options.VectorProperty is not { } selector
        ? model.GetVectorPropertyOrSingle(options)
        : Selected(selector, nameof(options.VectorProperty),
            plain => model.GetVectorPropertyOrSingle(new VectorSearchOptions<TRecord> { VectorProperty = plain })));

    /// <summary>The metric of the vector property that a search names, or of the only one; null if it is not clear which that
    /// is.</summary>
    public SearchMetric? MetricOf(Expression<Func<TRecord, object?>>? vector) => NumberOf(vector) is { } i ? Distances[i].Metric : null;

    /// <summary>The embedding space of the vector property that a search names, or of the only one; null if it is not known, or is that of
    /// vectors of another length.</summary>
    public EmbeddingSpace? SpaceOf(Expression<Func<TRecord, object?>>? vector) =>
        NumberOf(vector) is { } i && (space?.Dimension ?? Shapes[i].Width) == Shapes[i].Width ? space : null;

    private int? NumberOf(Expression<Func<TRecord, object?>>? vector) => vector is null && Vectors.Length != 1 ? null
        : VectorOf(new VectorSearchOptions<TRecord> { VectorProperty = vector });

    /// <summary>The property that records are sorted by.</summary>
    /// <exception cref="NotSupportedException">The property is a vector or a list, or the selector names no property or casts it to another
    /// type.</exception>
    /// <exception cref="InvalidOperationException">The selector names a property that records do not have.</exception>
    public PropertyModel Sorting(Expression<Func<TRecord, object?>> selector)
    {
        var property = Selected(selector, "OrderBy", model.GetDataOrKeyProperty);
        return Array.IndexOf(values, property) >= 0 && !RecordValues.IsList(property.Type) ? property
            : throw new NotSupportedException($"OrderBy cannot sort by '{property.ModelName}', which is a vector or a list; name a key, a "
                + "text, a number or a time.");
    }

    /// <summary>The property that a selector names. The selector may cast it, because the entries of a dictionary are objects: to its type,
    /// or to a number type that keeps the order of its values.</summary>
    private static PropertyModel Selected(Expression<Func<TRecord, object?>> selector, string option,
        Func<Expression<Func<TRecord, object?>>, PropertyModel> find)
    {
        var body = selector.Body;
        var casts = new List<Type>();
        for (; body is UnaryExpression { NodeType: ExpressionType.Convert } cast; body = cast.Operand) casts.Add(cast.Type);
        var read = body is MemberExpression member ? member.Expression : (body as MethodCallExpression)?.Object;
        if (read != selector.Parameters[0])
            throw new NotSupportedException($"{option} takes a property of a record, got {selector}.");
        var property = find(Expression.Lambda<Func<TRecord, object?>>(
            body.Type.IsValueType ? Expression.Convert(body, typeof(object)) : body, selector.Parameters));
        var own = RecordValues.Plain(property.Type);
        foreach (var type in casts.Select(RecordValues.Plain))
            if (!type.IsAssignableFrom(own) && !RecordValues.Widens(own, type))
                throw new NotSupportedException($"{option} cannot convert '{property.ModelName}', which is {own.Name}, to {type.Name}: "
                    + $"{selector}. Name the property itself.");
        return property;
    }

    /// <summary>Refuses a collection of other records.</summary>
    /// <param name="stored">The description of its records.</param>
    /// <param name="name">The name of the collection.</param>
    /// <exception cref="VectorStoreException">Its records have other properties.</exception>
    public void CheckSchema(string stored, string name)
    {
        if (stored != Schema && stored != earlierSchema)
            throw new VectorStoreException($"The collection '{name}' holds records of [{stored}], and this program's are [{Schema}]; use "
                + "the record type that wrote it, or another name.") { CollectionName = name };
    }

    /// <summary>Describes the properties: the values by name, and then the vectors.</summary>
    private string Describe(Func<Type, string> nameOf) => string.Join("; ",
        values.Select(property => $"{property.StorageName} {nameOf(property.Type)}").Order(StringComparer.Ordinal).Concat(
            Vectors.Zip(Distances, (property, distance) => $"{property.StorageName} vector {property.Dimensions} {distance.Metric}")));

    private static int WidthOf(VectorPropertyModel property) => property.Dimensions <= RowShape.LargestWidth ? property.Dimensions
        : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The vector '{property.ModelName}' must have 1 to "
            + $"{RowShape.LargestWidth:N0} dimensions, got {property.Dimensions}."), property.ModelName);

    /// <summary>The name of a type with what it is of, such as <c>Int32?</c> and <c>List&lt;String&gt;</c>. Earlier builds wrote
    /// <c>Nullable`1</c> and <c>List`1</c>.</summary>
    private static string NameOf(Type type) =>
        Nullable.GetUnderlyingType(type) is { } underlying ? $"{underlying.Name}?"
        : type.IsGenericType ? $"{type.Name[..type.Name.IndexOf('`')]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;

    /// <summary>Divides records into their parts. The records stay as they are, also one without a key: if the store has written it,
    /// <see cref="RecordParts{TKey, TRecord}.GiveKeys"/> gives it the key that the store made.</summary>
    /// <exception cref="ArgumentException">A record is null, has no key or no value of which a vector is made, a text has half of a
    /// surrogate pair, or a dictionary has an entry that is not defined, or lacks one that must not be null.</exception>
    public async Task<RecordParts<TKey, TRecord>> TakeApartAsync(IReadOnlyList<TRecord> records, CancellationToken cancellationToken)
    {
        foreach (var record in records)
        {
            if (record is null) throw new ArgumentNullException(nameof(records), "A record is null.");
            CheckEntries(record);
        }
        var vectors = new ReadOnlyMemory<float>?[Vectors.Length][];
        for (var i = 0; i < Vectors.Length; i++)
            vectors[i] = await VectorsAsync(Vectors[i], records, cancellationToken).ConfigureAwait(false);
        var byKey = new Dictionary<TKey, StoredRecord<TKey, TRecord>>();
        var made = new Dictionary<TRecord, TKey>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < records.Count; i++)
        {
            var key = KeyOf(records[i], made);
            CheckTexts(records[i], key);
            var copy = Copy(records[i]);
            Key.SetValueAsObject(copy, key);
            byKey[key] = new StoredRecord<TKey, TRecord>(key, copy, [.. vectors.Select(list => list[i])]);
        }
        return new RecordParts<TKey, TRecord>([.. byKey.Values], Key, made);
    }

    /// <summary>Refuses records with invalid vectors.</summary>
    public void Check(IEnumerable<StoredRecord<TKey, TRecord>> records)
    {
        foreach (var record in records)
            for (var i = 0; i < Vectors.Length; i++)
                if (record.Vectors[i] is { } vector && VectorFault.Of(Shapes[i], vector.Span) is { } fault)
                    throw fault.In(Vectors[i].ModelName, $"the record {KeyText.Of(record.Key)}");
    }

    /// <summary>Refuses records with a vector that does not have length 1 although the embedding space says so.</summary>
    /// <param name="records">The records.</param>
    /// <param name="agreed">The embedding space that the program and the collection know, as JSON; empty if neither knows it.</param>
    public void CheckLengths(IEnumerable<StoredRecord<TKey, TRecord>> records, string agreed)
    {
        if (agreed.Length == 0) return;
        var known = EmbeddingSpace.Parse(agreed);
        foreach (var record in records)
            for (var i = 0; i < Vectors.Length; i++)
                if (record.Vectors[i] is { } vector && LengthFault(known, i, vector.Span) is { } fault)
                    throw fault.In(Vectors[i].ModelName, $"the record {KeyText.Of(record.Key)}");
    }

    /// <summary>Refuses vectors of a search that do not have length 1 although the embedding space says so.</summary>
    /// <param name="vector">The number of the vector property.</param>
    /// <param name="queries">The vectors.</param>
    /// <param name="name">The name of the argument that holds them.</param>
    public void CheckLengths(int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, string name)
    {
        for (var i = 0; i < queries.Count; i++)
            if (LengthFault(space, vector, queries[i].Span) is { } fault) throw fault.In(name, $"query {i}");
    }

    private VectorFault? LengthFault(EmbeddingSpace? known, int vector, ReadOnlySpan<float> given)
    {
        // A vector in half precision, or one that a compressed store gave back, is a little off.
        const double tolerance = 0.01;
        var width = Shapes[vector].Width;
        if (known is not { Normalized: true } || (known.Dimension ?? width) != width || given.Length != width) return null;
        var length = EmbeddingSpace.LengthOf(given);
        // A vector with NaN has no length here. VectorFault.Of refuses it, and names the entry.
        return Math.Abs(length - 1) > tolerance
            ? new VectorFault("must have length 1, because the embedding space says normalized",
                string.Create(CultureInfo.InvariantCulture, $"{length:G6} in"),
                " EmbeddingSpace.Finish makes such vectors of what a network gives.")
            : null;
    }

    /// <summary>Copies a record's values, without vectors.</summary>
    public TRecord Copy(TRecord record)
    {
        var copy = model.CreateRecord<TRecord>();
        foreach (var property in values) property.SetValueAsObject(copy, RecordValues.Copy(property.GetValueAsObject(record)));
        return copy;
    }

    /// <summary>Sets a vector of a record.</summary>
    public void SetVector(TRecord record, int vector, ReadOnlyMemory<float>? value)
    {
        var type = Nullable.GetUnderlyingType(Vectors[vector].Type) ?? Vectors[vector].Type;
        Vectors[vector].SetValueAsObject(record, value is not { } given ? null : type == typeof(float[]) ? given.ToArray()
            : type == typeof(Embedding<float>) ? new Embedding<float>(given) : given);
    }

    /// <summary>Makes an empty record.</summary>
    public TRecord Create() => model.CreateRecord<TRecord>();

    /// <summary>Converts the value of a search to its vector.</summary>
    public async Task<ReadOnlyMemory<float>> QueryAsync(object value, int vector, CancellationToken cancellationToken)
    {
        if (VectorOf(value) is { } given) return given;
        if (Vectors[vector].EmbeddingGenerationDispatcher is null)
            throw new NotSupportedException($"A search takes ReadOnlyMemory<float>, float[] or Embedding<float>, got "
                + $"{value.GetType().Name}, and there is no embedding generator that makes a vector of it.");
        var embedding = await Vectors[vector].GenerateEmbeddingAsync(value, cancellationToken).ConfigureAwait(false);
        return ((Embedding<float>)embedding).Vector;
    }

    /// <summary>Refuses a dictionary with entries that the definition does not name or that have another type, or without a value that must
    /// not be null.</summary>
    private void CheckEntries(TRecord record)
    {
        if (record is not Dictionary<string, object?> entries) return;
        var key = entries.GetValueOrDefault(Key.ModelName);
        foreach (var (name, value) in entries)
            if (Named(name) is not { } property)
                throw new ArgumentException($"'{name}' is not a property of the collection, got it in the record {KeyText.Of(key)}. The "
                    + $"definition has {string.Join(", ", model.Properties.Select(property => $"'{property.ModelName}'"))}.",
                    nameof(record));
            else if (value is not null && !(Nullable.GetUnderlyingType(property.Type) ?? property.Type).IsInstanceOfType(value))
                throw new ArgumentException($"'{name}' must be {NameOf(property.Type)}, got {NameOf(value.GetType())} in the record "
                    + $"{KeyText.Of(key)}.", nameof(record));
        foreach (var property in model.Properties)
            if (property != Key && property.Type.IsValueType && Nullable.GetUnderlyingType(property.Type) is null
                && entries.GetValueOrDefault(property.ModelName) is null)
                throw new ArgumentException($"'{property.ModelName}' must not be null, because its type is not nullable, got none in the "
                    + $"record {KeyText.Of(key)}. Set it, or define it as nullable."
                    + (property is VectorPropertyModel ? " A record that was read has its vectors only with IncludeVectors = true." : ""),
                    nameof(record));
    }

    /// <summary>Refuses texts that no store can keep: UTF-8 has no half of a surrogate pair.</summary>
    private void CheckTexts(TRecord record, TKey key)
    {
        foreach (var property in values)
            if (property.GetValueAsObject(record) is { } value && !UnicodeText.IsWholeIn(value))
                throw new ArgumentException($"{property.ModelName} must be valid Unicode, but a text in the record {KeyText.Of(key)} "
                    + $"{UnicodeText.Flaw}.", property.ModelName);
    }

    /// <summary>The key of a record. If the store makes it, it is added to <paramref name="made"/>, or found there for a record that occurs
    /// twice.</summary>
    private TKey KeyOf(TRecord record, Dictionary<TRecord, TKey> made)
    {
        var key = Key.GetValueAsObject(record);
        if (Key.IsAutoGenerated && (key is null || key is Guid given && given == Guid.Empty))
        {
            if (made.TryGetValue(record, out var earlier)) return earlier;
            key = Guid.NewGuid();
            if (key is TKey own) made.Add(record, own);
        }
        return key is TKey found ? found
            : throw new ArgumentException($"A record must have the key '{Key.ModelName}', got none.", nameof(record));
    }

    private async Task<ReadOnlyMemory<float>?[]> VectorsAsync(VectorPropertyModel property, IReadOnlyList<TRecord> records,
        CancellationToken cancellationToken)
    {
        object?[] given = [.. records.Select(property.GetValueAsObject)];
        if (RecordModelBuilder.IsVector(property.Type)) return [.. given.Select(VectorOf)];
        if (Array.IndexOf(given, null) is >= 0 and var missing)
            throw new ArgumentException($"'{property.ModelName}' must not be null, because its vector is made of it, got null in the "
                + $"record {KeyText.Of(Key.GetValueAsObject(records[missing]))}. The store keeps only the vector: set "
                + $"'{property.ModelName}' again before you write a record that you have read.", property.ModelName);
        var embeddings = await GenerateAsync().ConfigureAwait(false);
        if (embeddings.Count != records.Count)
            throw new InvalidOperationException($"The embedding generator of '{property.ModelName}' gave {embeddings.Count} embeddings for "
                + $"{records.Count} records.");
        return [.. embeddings.Select(embedding => VectorOf(embedding))];

        async Task<IReadOnlyList<Embedding>> GenerateAsync()
        {
            try
            {
                return await property.GenerateEmbeddingsAsync(given, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (ImageFault.PlaceOf(e) is { } place)
            {
                throw ImageFault.Of(e, $"'{property.ModelName}' of the record {KeyText.Of(Key.GetValueAsObject(records[place]))}", place);
            }
        }
    }

    private static ReadOnlyMemory<float>? VectorOf(object? value) => value switch
    {
        ReadOnlyMemory<float> vector => vector,
        float[] vector => vector,
        Embedding<float> embedding => embedding.Vector,
        _ => (ReadOnlyMemory<float>?)null,      // a bare null would become an empty vector
    };
}
