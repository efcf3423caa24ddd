using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Registers a <see cref="PostgresVectorStore"/> as a service.</summary>
/// <remarks>Thread safety: as the collection of services, one thread at a time.</remarks>
public static class PostgresVectorStoreServices
{
    /// <summary>Registers one <see cref="PostgresVectorStore"/> for the whole program, as itself and as <see cref="VectorStore"/>. It uses
    /// the registered <see cref="IEmbeddingGenerator"/>, if there is one.</summary>
    /// <param name="services">The services.</param>
    /// <param name="connectionString">The connection string, as Npgsql reads it.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services are null.</exception>
    /// <exception cref="ArgumentException">The text is null, empty, blank or not a connection string.</exception>
    public static IServiceCollection AddPostgresVectorStore(this IServiceCollection services, string connectionString)
    {
        PostgresVectorStore.Source(connectionString).Dispose();        // so that the program stops at its start, not in the first request
        return services.AddPostgresVectorStore(provider => new PostgresVectorStore(connectionString)
        {
            EmbeddingGenerator = provider.GetService<IEmbeddingGenerator>(),
        });
    }

    /// <summary>Registers one <see cref="PostgresVectorStore"/> with settings for the whole program, as itself and as
    /// <see cref="VectorStore"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="create">Makes the store when it is first needed. The container disposes it.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services or the function are null.</exception>
    public static IServiceCollection AddPostgresVectorStore(this IServiceCollection services,
        Func<IServiceProvider, PostgresVectorStore> create) => VectorStoreServices.Add(services, create);
}
