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
    public static IServiceCollection AddMemoryVectorStore(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton(provider => new MemoryVectorStore { EmbeddingGenerator = provider.GetService<IEmbeddingGenerator>() });
        return services.AddSingleton<VectorStore>(provider => provider.GetRequiredService<MemoryVectorStore>());
    }
}
