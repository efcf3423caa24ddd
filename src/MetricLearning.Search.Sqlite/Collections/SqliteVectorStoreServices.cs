using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Registers a <see cref="SqliteVectorStore"/> as a service.</summary>
/// <remarks>Thread safety: as the collection of services, one thread at a time.</remarks>
public static class SqliteVectorStoreServices
{
    /// <summary>Registers one <see cref="SqliteVectorStore"/> for the whole program, as itself and as <see cref="VectorStore"/>. It uses
    /// the registered <see cref="IEmbeddingGenerator"/>, if there is one.</summary>
    /// <param name="services">The services.</param>
    /// <param name="path">The file. It is created when the store is first needed, if it does not exist.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services are null.</exception>
    /// <exception cref="ArgumentException">The path is null, empty, blank, <c>:memory:</c> or a connection string.</exception>
    public static IServiceCollection AddSqliteVectorStore(this IServiceCollection services, string path)
    {
        SqliteVectorStore.CheckedPath(path);
        return services.AddSqliteVectorStore(provider => new SqliteVectorStore(path)
        {
            EmbeddingGenerator = provider.GetService<IEmbeddingGenerator>(),
        });
    }

    /// <summary>Registers one <see cref="SqliteVectorStore"/> with settings for the whole program, as itself and as
    /// <see cref="VectorStore"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="create">Makes the store when it is first needed. The container disposes it.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services or the function are null.</exception>
    public static IServiceCollection AddSqliteVectorStore(this IServiceCollection services,
        Func<IServiceProvider, SqliteVectorStore> create) => VectorStoreServices.Add(services, create);
}
