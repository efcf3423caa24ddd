using System.Globalization;
using Microsoft.Playwright;

namespace ProductSearch.Tests;

/// <summary>Tests the page as a user sees it in a browser.</summary>
public sealed class BrowserTests(RunningServer server) : IClassFixture<RunningServer>, IAsyncDisposable
{
    private static readonly string[] browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly List<string> errors = [];
    private IPlaywright? playwright;
    private IBrowser? browser;

    public async ValueTask DisposeAsync()
    {
        if (browser is not null) await browser.DisposeAsync();
        playwright?.Dispose();
        Assert.Empty(errors);
    }

    [Fact]
    public async Task AnUploadedPicture_FindsProducts_AndAResultLeadsToOthersLikeIt()
    {
        var page = await OpenAsync();
        await page.Locator("#file").SetInputFilesAsync(new FilePayload
        {
            Name = "cup.jpg", MimeType = "image/jpeg", Buffer = await server.Example(0),
        });
        var results = page.Locator("#results li button");
        await Assertions.Expect(results).ToHaveCountAsync(24);
        await Assertions.Expect(page.Locator("#answer strong")).Not.ToBeEmptyAsync();
        await Assertions.Expect(results.First.Locator(".score")).ToContainTextAsync("similarity 0.");
        await Assertions.Expect(results.First.Locator("img")).ToHaveJSPropertyAsync("complete", true);
        Assert.True(await results.First.Locator("img").EvaluateAsync<int>("image => image.naturalWidth") > 0);

        var second = await results.Nth(1).Locator(".name").TextContentAsync();
        await Assertions.Expect(results.Nth(1)).ToHaveAttributeAsync("title", $"Search for products like {second}");
        await page.RunAndWaitForResponseAsync(() => results.Nth(1).ClickAsync(),
            answer => answer.Url.Contains("/similar", StringComparison.Ordinal));
        await Assertions.Expect(page.Locator("#answer")).ToBeHiddenAsync();
        await Assertions.Expect(results).ToHaveCountAsync(24);
        // A screen reader reads this line.
        await Assertions.Expect(page.Locator("#summary[role=status]"))
            .ToHaveTextAsync($"24 products like {second}, the most similar first.");

        await page.SelectOptionAsync("#tag", "mug");
        await Assertions.Expect(page.Locator("#found")).Not.ToHaveClassAsync("busy");
        var left = await results.CountAsync();
        Assert.InRange(left, 1, 23);
    }

    [Fact]
    public async Task AFileThatIsNotAPicture_IsRefusedWithAReason()
    {
        var page = await OpenAsync();
        await page.Locator("#file").SetInputFilesAsync(new FilePayload
        {
            Name = "notes.txt", MimeType = "text/plain", Buffer = "no picture"u8.ToArray(),
        });
        await Assertions.Expect(page.Locator("#error")).ToHaveTextAsync("notes.txt is not a picture that the browser can open.");
    }

    [Fact]
    public async Task AFolder_IsAdded_WithItsProgressShown()
    {
        await using var own = await RunningServer.StartOwnAsync();
        var folder = Directory.CreateDirectory(Path.Combine(own.Photos, "browser shelf"));
        for (var i = 0; i < 40; i++)
            File.WriteAllBytes(Path.Combine(folder.FullName, $"thing_{i}.jpg"), await own.Example(100 + i));
        var page = await OpenAsync(own);
        // Records every step of the progress bar, which may disappear before the test reads it.
        await page.EvaluateAsync("""
            () => {
              window.seen = [];
              new MutationObserver(() => window.seen.push(document.getElementById("activity-text").textContent))
                .observe(document.getElementById("activity"), { subtree: true, childList: true, attributes: true });
            }
            """);
        await page.Locator("#indexing summary").ClickAsync();
        await page.Locator("#folder").FillAsync("browser shelf");
        await page.Locator("#index-form button").First.ClickAsync();
        // After the pictures are added, the program learns how sure its answers are. That takes longer on a busy machine.
        await Assertions.Expect(page.Locator("#index-message")).ToContainTextAsync("40 pictures added", new() { Timeout = 120_000 });
        var seen = await page.EvaluateAsync<string[]>("() => window.seen");
        Assert.Contains("Adding browser shelf", seen);
        await page.SelectOptionAsync("#tag", "browser shelf");

        await page.Locator("#folder").FillAsync("/");
        await page.Locator("#index-form button").First.ClickAsync();
        await Assertions.Expect(page.Locator("#index-message")).ToContainTextAsync("Only folders in ");
        // The page would report that its server is gone.
        await page.CloseAsync();
        // The browser itself reports the refused request.
        errors.RemoveAll(error => error.Contains("400 (Bad Request)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TheKeyboardAlone_Suffices()
    {
        var page = await OpenAsync();
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the results", await FocusedAsync(page));
        await TabToAsync(page, "Try an example");
        await page.Keyboard.PressAsync("Enter");
        var results = page.Locator("#results li button");
        await Assertions.Expect(results).ToHaveCountAsync(24);

        // The button is gone, and the picture has its focus. Keys move and shrink the frame of the crop, and another search starts.
        await Assertions.Expect(page.Locator("#picture")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("Shift+ArrowLeft");
        await page.RunAndWaitForResponseAsync(() => page.Keyboard.PressAsync("Enter"),
            answer => answer.Url.EndsWith("/api/search", StringComparison.Ordinal) && answer.Ok);
        await TabToAsync(page, await results.First.Locator(".name").TextContentAsync() ?? "");
        await page.RunAndWaitForResponseAsync(() => page.Keyboard.PressAsync("Enter"),
            answer => answer.Url.Contains("/similar", StringComparison.Ordinal));
        // The focus continues in the new list.
        await Assertions.Expect(results.First).ToBeFocusedAsync();
    }

    [Fact]
    public async Task AnOlderFrame_NeverReplacesANewerOne()
    {
        var page = await OpenAsync();
        await page.Locator("#example").ClickAsync();
        await Assertions.Expect(page.Locator("#results li")).ToHaveCountAsync(24);
        // The picture of the first search is ready only after the second search has ended.
        await page.EvaluateAsync("""
            () => {
              const toBlob = HTMLCanvasElement.prototype.toBlob;
              HTMLCanvasElement.prototype.toBlob = function (done, ...rest) {
                HTMLCanvasElement.prototype.toBlob = toBlob;
                window.release = () => toBlob.call(this, done, ...rest);
              };
            }
            """);
        var sent = 0;
        page.Request += (_, request) => sent += request.Url.EndsWith("/api/search", StringComparison.Ordinal) ? 1 : 0;
        await page.Locator("#picture").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.RunAndWaitForResponseAsync(() => page.Keyboard.PressAsync("Enter"),
            answer => answer.Url.EndsWith("/api/search", StringComparison.Ordinal) && answer.Ok);
        await page.EvaluateAsync("() => window.release()");
        // A search by another way is the last; the first one would have been sent before it.
        await page.RunAndWaitForResponseAsync(() => page.SelectOptionAsync("#tag", "mug"),
            answer => answer.Url.EndsWith("/api/search?tag=mug", StringComparison.Ordinal));
        Assert.Equal(1, sent);
        await Assertions.Expect(page.Locator("#found")).Not.ToHaveClassAsync("busy");
    }

    [Fact]
    public async Task AServerThatDoesNotAnswer_IsTold_AtEveryButton_AndOldResultsAreGone()
    {
        var page = await OpenAsync();
        await page.Locator("#example").ClickAsync();
        await Assertions.Expect(page.Locator("#results li")).ToHaveCountAsync(24);
        await page.RouteAsync("**/api/**", route => route.AbortAsync());
        const string gone = "The server does not answer. Is it still running?";
        foreach (var button in new[] { "#another-example", "#whole" })
        {
            await page.EvaluateAsync("() => { document.getElementById('error').textContent = ''; }");
            await page.Locator(button).ClickAsync();
            await Assertions.Expect(page.Locator("#error")).ToHaveTextAsync(gone);
        }
        await Assertions.Expect(page.Locator("#results li")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator("#answer")).ToBeHiddenAsync();
        await page.Locator("#indexing summary").ClickAsync();
        await page.Locator("#folder").FillAsync("shelf");
        await page.Locator("#index-form button").First.ClickAsync();
        await Assertions.Expect(page.Locator("#index-message")).ToHaveTextAsync(gone);
        await page.EvaluateAsync("() => { const cancel = document.getElementById('cancel'); cancel.hidden = false; cancel.click(); }");
        await Assertions.Expect(page.Locator("#index-message")).ToHaveTextAsync(gone);
        // The browser itself reports the lost requests.
        errors.RemoveAll(error => error.Contains("net::ERR_FAILED", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(400, ColorScheme.Light)]
    [InlineData(400, ColorScheme.Dark)]
    [InlineData(1280, ColorScheme.Dark)]
    public async Task EveryWidthAndColorScheme_IsReadable_WithoutScrollingSideways(int width, ColorScheme scheme)
    {
        var page = await OpenAsync(width, scheme);
        await page.Locator("#example").ClickAsync();
        await Assertions.Expect(page.Locator("#results li")).ToHaveCountAsync(24);
        await page.Locator("#indexing summary").ClickAsync();
        Assert.True(await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth") <= width);
        foreach (var (element, property, least) in new[]
        {
            ("h1", "color", 4.5), ("#answer strong", "color", 4.5), ("#results .name", "color", 4.5), ("#summary", "color", 4.5),
            ("#indexing summary", "color", 4.5), ("#whole", "borderTopColor", 3), ("#tag", "borderTopColor", 3),
            ("#folder", "borderTopColor", 3),
        })
        {
            var contrast = await page.Locator(element).First.EvaluateAsync<double>("""
                (element, property) => {
                  const numbers = color => color.match(/[\d.]+/g).map(Number);
                  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
                    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
                  let behind = element;
                  while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
                  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
                  const back = behind ? numbers(getComputedStyle(behind).backgroundColor) : dark ? [18, 18, 18] : [255, 255, 255];
                  const [high, low] = [luminance(numbers(getComputedStyle(element)[property])), luminance(back)].sort((a, b) => b - a);
                  return (high + 0.05) / (low + 0.05);
                }
                """, property);
            Assert.True(contrast >= least, string.Create(CultureInfo.InvariantCulture, $"{element} has a contrast of {contrast:0.0}."));
        }
    }

    private Task<IPage> OpenAsync(int width = 1280, ColorScheme scheme = ColorScheme.Light) => OpenAsync(server, width, scheme);

    private async Task<IPage> OpenAsync(RunningServer at, int width = 1280, ColorScheme scheme = ColorScheme.Light)
    {
        var path = browsers.FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"There is no Chromium: none of {string.Join(", ", browsers)} exists; eng/install-chromium.sh "
            + "installs it.");
        playwright ??= await Playwright.CreateAsync();
        browser ??= await playwright.Chromium.LaunchAsync(new() { ExecutablePath = path, Args = ["--no-sandbox", "--disable-gpu"] });
        var context = await browser.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = 900 }, ColorScheme = scheme });
        context.SetDefaultTimeout(15_000);
        Assertions.SetDefaultExpectTimeout(15_000);
        var page = await context.NewPageAsync();
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") errors.Add(message.Text);
        };
        page.PageError += (_, error) => errors.Add(error);
        await page.GotoAsync(at.Client.BaseAddress!.ToString());
        await Assertions.Expect(page.Locator("#count")).ToContainTextAsync("products");
        return page;
    }

    private static Task<string> FocusedAsync(IPage page) =>
        page.EvaluateAsync<string>("() => document.activeElement?.textContent.trim() ?? ''");

    /// <summary>Presses Tab until something with a text has the focus.</summary>
    private static async Task TabToAsync(IPage page, string text)
    {
        for (var i = 0; i < 40; i++)
        {
            if ((await FocusedAsync(page)).StartsWith(text, StringComparison.Ordinal)) return;
            await page.Keyboard.PressAsync("Tab");
        }
        Assert.Fail($"The keyboard does not reach '{text}'.");
    }
}
