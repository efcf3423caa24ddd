using System.Globalization;
using System.Text;

namespace MetricLearning.Samples;

/// <summary>Writes to a terminal. If the terminal was closed, it writes nothing, and does not fail.</summary>
/// <param name="terminal">The writer of the terminal.</param>
internal sealed class TerminalWriter(TextWriter terminal) : TextWriter(CultureInfo.InvariantCulture)
{
    private bool isClosed;

    public override Encoding Encoding => terminal.Encoding;

    public override void Write(char value) => Do(() => terminal.Write(value));

    public override void Write(char[] buffer, int index, int count) => Do(() => terminal.Write(buffer, index, count));

    public override void Write(string? value) => Do(() => terminal.Write(value));

    public override void Flush() => Do(terminal.Flush);

    private void Do(Action write)
    {
        if (isClosed) return;
        try
        {
            write();
        }
        catch (IOException)
        {
            isClosed = true;
        }
    }
}
