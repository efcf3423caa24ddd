namespace MetricLearning.Samples;

/// <summary>Answers HEAD, as web servers do: monitors and proxies ask with it whether an address works.</summary>
internal static class HeadRequests
{
    private static readonly HttpMethodMetadata getOrHead = new([HttpMethods.Get, HttpMethods.Head]);

    /// <summary>Lets each address that answers GET also answer HEAD, with the same headers and no body: the server leaves it out.</summary>
    public static T AnswerHead<T>(this T addresses)
        where T : IEndpointConventionBuilder
    {
        addresses.Finally(address =>
        {
            for (var i = 0; i < address.Metadata.Count; i++)
                if (address.Metadata[i] is IHttpMethodMetadata { HttpMethods: [var only] } && HttpMethods.IsGet(only))
                    address.Metadata[i] = getOrHead;
        });
        return addresses;
    }
}
