using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Registers vector stores as services.</summary>
/// <remarks>Thread safety: as the collection of services, one thread at a time.</remarks>
public static class VectorStoreServices
{
    /// <summary>Registers one <see cref="MemoryVectorStore"/> for the whole program, as itself and as <see cref="VectorStore"/>. It uses
    /// the registered <see cref="IEmbeddingGenerator"/>, if there is one.</summary>
    /// <param name="services">The services.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services are null.</exception>
    public static IServiceCollection AddMemoryVectorStore(this IServiceCollection services) =>
        services.AddMemoryVectorStore(provider => new MemoryVectorStore
        {
            EmbeddingGenerator = provider.GetService<IEmbeddingGenerator>(),
        });

    /// <summary>Registers one <see cref="MemoryVectorStore"/> with settings for the whole program, as itself and as
    /// <see cref="VectorStore"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="create">Makes the store when it is first needed. The container disposes it.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="ArgumentNullException">The services or the function are null.</exception>
    public static IServiceCollection AddMemoryVectorStore(this IServiceCollection services,
        Func<IServiceProvider, MemoryVectorStore> create) => Add(services, create);

    /// <summary>Registers one store for the whole program, as itself and as <see cref="VectorStore"/>.</summary>
    /// <exception cref="ArgumentNullException">The services or the function are null.</exception>
    internal static IServiceCollection Add<TStore>(IServiceCollection services, Func<IServiceProvider, TStore> create)
        where TStore : VectorStore
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(create);
        services.AddSingleton(create);
        return services.AddSingleton<VectorStore>(provider => provider.GetRequiredService<TStore>());
    }
}
