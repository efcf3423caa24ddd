using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EmbeddingService;

/// <summary>Describes request and answer bodies in the OpenAPI document, because no parameter of a handler describes them.</summary>
internal static class Document
{
    /// <summary>Leaves out HEAD, which every address with GET answers, because two operations may not have one name.</summary>
    public static Task LeaveOutHead(OpenApiDocument document, OpenApiDocumentTransformerContext context,
        CancellationToken cancellationToken)
    {
        foreach (var path in document.Paths.Values) path.Operations?.Remove(HttpMethod.Head);
        return Task.CompletedTask;
    }

    public static Task Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (operation.OperationId != "embed") return Task.CompletedTask;
        var picture = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Description = "A picture (JPEG, PNG, WebP, BMP, GIF or PNM), or several as the parts of a form",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["image/*"] = new() { Schema = picture },
                ["application/octet-stream"] = new() { Schema = picture },
                ["multipart/form-data"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Properties = new Dictionary<string, IOpenApiSchema>
                        {
                            ["pictures"] = new OpenApiSchema { Type = JsonSchemaType.Array, Items = picture },
                        },
                    },
                },
            },
        };
        if (operation.Responses?["200"] is OpenApiResponse { Content: { } content })
            content["application/octet-stream"] = new OpenApiMediaType { Schema = picture };
        return Task.CompletedTask;
    }
}
