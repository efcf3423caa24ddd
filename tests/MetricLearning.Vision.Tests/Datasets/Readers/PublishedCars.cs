namespace MetricLearning.Vision.Tests;

/// <summary>A small file in the format of the annotations of Cars-196.</summary>
internal static class PublishedCars
{
    /// <summary>Four rows of paths and classes, written by SciPy 1.10 with compression.</summary>
    public const string File =
        "TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IFdlZCBOb3YgMjUgMTY6Mzc6MDAgMjAyNgAAAAAAAAAAAAAAAAAAAA" +
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAAVwAAAHic42NgYDgAxGxAzAHEjAwQwIrEZ4LS3ECcnJNYXByfl5ibWgxWxwfE" +
        "Dkj6WbDo50IyVwDKd/RVcE/NSy1KzGGAm2NBwBxWNHNAfMfk0qJEIA0AvpkL7w8AAADFAAAAeJytUG0KwjAMTUf9YjDUc4hu6hH84S1GN4ZuzLasRXZAD2" +
        "aG1Q0ZCKkPHklIk76XCAA0B5hinCMDeGHiaobkLoZIIaWywpZKGveOw8r1T8imqLF7L9Lylmphr5Blqk3bBD7Ia2EMDGALY+EbEfIMvS4+omvtYoelq3PR" +
        "4NdmF3dItpW+9Pviwb5wZB8b7ON4CT0yt/gxF2DGiHN/87338x0T9Wee9/L2ffDzPSPqz4lzb53evo9+vjeMpv9B9N3lT/bpM14=";
}
