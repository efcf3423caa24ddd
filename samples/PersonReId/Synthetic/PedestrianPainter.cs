using SkiaSharp;

namespace PersonReId.Synthetic;

/// <summary>Paints one person in one pose. Lengths are in body heights, and the origin is between the feet. As on every canvas, y points
/// down, so the body has negative y.</summary>
/// <remarks>The body is a simple three-dimensional figure. Joints have a position to the left, to the front and above the ground; they are
/// rotated by the yaw, and the parts are drawn from far to near.</remarks>
internal sealed class PedestrianPainter(SKCanvas canvas, Appearance look, Pose pose) : IDisposable
{
    private readonly float sin = (float)Math.Sin(pose.Yaw), cos = (float)Math.Cos(pose.Yaw);
    private readonly List<(float Depth, Action Draw)> parts = [];
    private readonly SKPaint paint = new() { IsAntialias = true };

    /// <summary>A point of the body: to the person's left, to the front, and above the ground.</summary>
    private readonly record struct Joint(float Left, float Front, float Up)
    {
        public static Joint operator +(Joint a, Joint b) => new(a.Left + b.Left, a.Front + b.Front, a.Up + b.Up);
    }

    /// <summary>Draws the person; the canvas is scaled so that 1 is the height of an average person.</summary>
    public void Draw()
    {
        canvas.Save();
        canvas.Scale(look.Height);
        AddLegs();
        AddTorso();
        AddArms();
        AddHead();
        AddBag();
        foreach (var (_, draw) in parts.OrderBy(p => p.Depth)) draw();
        canvas.Restore();
    }

    public void Dispose() => paint.Dispose();

    private float X(Joint j) => j.Left * cos + j.Front * sin;
    private SKPoint At(Joint j) => new(X(j), -j.Up);
    private float Depth(Joint j) => j.Front * cos - j.Left * sin;

    /// <summary>Computes half the width that an upright ellipse with these half axes has in the image.</summary>
    private float Turned(float wide, float deep) => MathF.Sqrt(wide * wide * cos * cos + deep * deep * sin * sin);

    private static SKColor Shade(SKColor c, float f) =>
        new((byte)Math.Clamp(c.Red * f, 0, 255), (byte)Math.Clamp(c.Green * f, 0, 255), (byte)Math.Clamp(c.Blue * f, 0, 255));

    private void Fill(SKPath path, SKColor color)
    {
        paint.Color = color;
        canvas.DrawPath(path, paint);
    }

    private void Limb(Joint from, Joint to, float width, float endWidth, SKColor color)
    {
        var (a, b) = (At(from), At(to));
        var along = b - a;
        var length = MathF.Max(along.Length, 1e-4f);
        var across = new SKPoint(-along.Y / length, along.X / length);
        using var path = new SKPath();
        path.MoveTo(a.X + across.X * width, a.Y + across.Y * width);
        path.LineTo(b.X + across.X * endWidth, b.Y + across.Y * endWidth);
        path.LineTo(b.X - across.X * endWidth, b.Y - across.Y * endWidth);
        path.LineTo(a.X - across.X * width, a.Y - across.Y * width);
        path.Close();
        Fill(path, color);
        canvas.DrawCircle(a, width, paint);
        canvas.DrawCircle(b, endWidth, paint);
    }

    private void AddLegs()
    {
        var build = MathF.Sqrt(look.Build);
        var skirt = look.Lower is Lower.Skirt or Lower.LongSkirt;
        var (thigh, calf, ankle) = look.Lower switch
        {
            Lower.Trousers => (0.066f, 0.052f, 0.046f),
            Lower.Slim => (0.058f, 0.041f, 0.029f),
            Lower.Shorts => (0.064f, 0.037f, 0.025f),
            _ => (0.052f, 0.036f, 0.024f),
        };
        var legs = new (Joint Hip, Joint Knee, Joint Ankle, float Swing)[2];
        for (var i = 0; i < 2; i++)
        {
            var side = i * 2 - 1;
            var swing = (float)(pose.Stride * Math.Sin(pose.Phase + (i == 0 ? 0 : Math.PI)));
            var lift = (float)(pose.Stride * 1.1 * Math.Max(0, Math.Cos(pose.Phase + (i == 0 ? 0 : Math.PI))));
            var hip = new Joint(side * 0.052f * look.Hips * build, 0, 0.51f);
            var knee = hip + new Joint(0, 0.235f * MathF.Sin(swing), -0.235f * MathF.Cos(swing));
            var shin = swing - lift - 0.06f;
            legs[i] = (hip, knee, knee + new Joint(side * -0.006f, 0.225f * MathF.Sin(shin), -0.225f * MathF.Cos(shin)), shin);
        }
        var drop = MathF.Min(legs[0].Ankle.Up, legs[1].Ankle.Up) - 0.04f;
        foreach (var leg in legs)
        {
            var down = new Joint(0, 0, -drop * 0.7f);
            var (hip, knee, foot) = (leg.Hip, leg.Knee + down, leg.Ankle + down);
            var near = Depth(hip) >= 0 ? 1f : 0.8f;
            var cloth = Shade(look.LowerColor, near);
            var bare = Shade(look.Skin, near);
            parts.Add((Depth(knee) * 0.5f + Depth(hip) - 0.2f, () =>
            {
                var toe = foot + new Joint(0, 0.085f * MathF.Cos(leg.Swing), -0.022f + 0.05f * MathF.Sin(leg.Swing));
                Limb(foot + new Joint(0, -0.01f, -0.012f), toe, 0.025f, 0.021f, Shade(look.Shoes, near));
                switch (look.Lower)
                {
                    case Lower.Trousers or Lower.Slim:
                        Limb(knee, foot, calf * build, ankle * build, cloth);
                        Limb(hip, knee, thigh * build, calf * build, cloth);
                        break;
                    case Lower.Shorts:
                        Limb(knee, foot, calf * build, ankle * build, bare);
                        Limb(hip, knee, calf * build, calf * build, bare);
                        Limb(hip, hip + new Joint(0, (knee.Front - hip.Front) * 0.85f, (knee.Up - hip.Up) * 0.85f), thigh * build,
                            0.06f * build, cloth);
                        break;
                    default:
                        Limb(knee, foot, calf * build, ankle * build, bare);
                        Limb(hip, knee, thigh * build, calf * build, bare);
                        break;
                }
            }));
        }
        if (!skirt) return;
        var hemHeight = look.Lower == Lower.Skirt ? 0.31f : 0.14f;
        var flare = look.Lower == Lower.Skirt ? 0.125f : 0.14f;
        parts.Add((-0.02f, () =>
        {
            var waist = Turned(0.095f, 0.075f) * build;
            var hem = Turned(flare, flare * 0.9f) * build * (1 + 0.2f * (float)pose.Stride);
            var sway = 0.02f * MathF.Sin((float)pose.Phase) * sin;
            using var path = new SKPath();
            path.MoveTo(-waist, -0.6f);
            path.CubicTo(-waist * 1.3f, -0.5f, -hem, -hemHeight - 0.1f, -hem + sway, -hemHeight);
            path.QuadTo(sway, -hemHeight + 0.02f, hem + sway, -hemHeight);
            path.CubicTo(hem, -hemHeight - 0.1f, waist * 1.3f, -0.5f, waist, -0.6f);
            path.Close();
            Fill(path, look.LowerColor);
            Rounded(path, hem);
        }));
    }

    private void AddTorso() => parts.Add((0, () =>
    {
        var build = look.Build;
        var shoulder = Turned(0.112f, 0.072f) * build;
        var waist = Turned(0.088f, 0.068f) * build;
        var hip = Turned(0.1f * look.Hips, 0.076f) * build * (look.Hem < 0.4f ? 1.12f : 1);
        using (var neck = new SKPath())
        {
            neck.AddRoundRect(new SKRect(-0.034f, -0.885f, 0.034f, -0.8f), 0.02f, 0.02f);
            Fill(neck, Shade(look.Skin, 0.86f));
        }
        using var path = new SKPath();
        path.MoveTo(-0.036f, -0.845f);
        path.CubicTo(-shoulder * 0.75f, -0.84f, -shoulder, -0.825f, -shoulder, -0.78f);
        path.CubicTo(-shoulder * 0.98f, -0.7f, -waist, -0.66f, -waist, -0.6f);
        path.CubicTo(-waist, -0.55f, -hip, -0.53f, -hip, -look.Hem);
        path.QuadTo(0, -look.Hem + 0.018f, hip, -look.Hem);
        path.CubicTo(hip, -0.53f, waist, -0.55f, waist, -0.6f);
        path.CubicTo(waist, -0.66f, shoulder * 0.98f, -0.7f, shoulder, -0.78f);
        path.CubicTo(shoulder, -0.825f, shoulder * 0.75f, -0.84f, 0.036f, -0.845f);
        path.QuadTo(0, -0.825f + 0.012f * cos, -0.036f, -0.845f);
        path.Close();
        Fill(path, look.Upper);
        canvas.Save();
        canvas.ClipPath(path, antialias: true);
        DrawPattern(shoulder);
        if (look.Bag == Bag.Backpack && cos > -0.2f) Straps();
        if (look.Bag == Bag.ShoulderBag) CrossStrap();
        canvas.Restore();
        Rounded(path, shoulder);
    }));

    private void DrawPattern(float half)
    {
        paint.Color = look.Upper2;
        switch (look.Pattern)
        {
            case Pattern.HorizontalStripes:
                for (var y = -0.83f; y < -0.3f; y += 0.062f) canvas.DrawRect(-0.3f, y, 0.6f, 0.028f, paint);
                break;
            case Pattern.VerticalStripes:
                for (var i = -4; i <= 4; i++) canvas.DrawRect(half * i / 4.2f - half * 0.05f, -0.9f, half * 0.1f, 0.7f, paint);
                break;
            case Pattern.Checks:
                paint.Color = look.Upper2.WithAlpha(150);
                for (var y = -0.84f; y < -0.3f; y += 0.075f) canvas.DrawRect(-0.3f, y, 0.6f, 0.034f, paint);
                for (var i = -3; i <= 3; i++) canvas.DrawRect(half * i / 3f - half * 0.08f, -0.9f, half * 0.16f, 0.7f, paint);
                break;
            case Pattern.TwoTone:
                canvas.DrawRect(-0.3f, -0.64f, 0.6f, 0.5f, paint);
                break;
            case Pattern.Print when cos > 0.25f:
                canvas.DrawRoundRect(0.08f * sin - 0.052f * cos, -0.775f, 0.104f * cos, 0.1f, 0.02f * cos, 0.02f, paint);
                break;
            case Pattern.OpenJacket when cos > 0.05f:
                canvas.DrawRect(0.085f * sin - 0.036f * cos, -0.9f, 0.072f * cos, 0.7f, paint);
                break;
        }
        if (look.Pattern == Pattern.OpenJacket && cos <= 0.05f) return;
        if (look.LongSleeves && cos > 0.2f && look.Pattern is Pattern.Plain or Pattern.TwoTone)
        {
            paint.Color = Shade(look.Upper, 0.72f);
            canvas.DrawRect(0.08f * sin - 0.004f, -0.84f, 0.008f, 0.5f, paint);
        }
    }

    private void Straps()
    {
        paint.Color = Shade(look.BagColor, 0.85f);
        foreach (var side in new[] { -1, 1 })
        {
            var x = X(new Joint(side * 0.07f, 0.06f, 0));
            canvas.DrawRect(x - 0.011f, -0.86f, 0.022f, 0.2f, paint);
        }
    }

    private void CrossStrap()
    {
        using var strap = new SKPaint { IsAntialias = true, Color = Shade(look.BagColor, 0.8f), IsStroke = true, StrokeWidth = 0.02f };
        var direction = look.BagSide * (cos >= 0 ? 1 : -1) * MathF.Max(0.35f, MathF.Abs(cos));
        canvas.DrawLine(-0.08f * direction, -0.85f, 0.13f * direction, -0.48f, strap);
    }

    /// <summary>Darkens a shape toward its left and right edges, so that it looks round.</summary>
    private void Rounded(SKPath path, float half)
    {
        using var shader = SKShader.CreateLinearGradient(new SKPoint(-half, 0), new SKPoint(half, 0),
            [new SKColor(0, 0, 0, 95), new SKColor(255, 255, 255, 22), new SKColor(0, 0, 0, 0), new SKColor(0, 0, 0, 75)],
                [0, 0.35f, 0.6f, 1], SKShaderTileMode.Clamp);
        using var shade = new SKPaint { IsAntialias = true, Shader = shader };
        canvas.DrawPath(path, shade);
    }

    private void AddArms()
    {
        var build = MathF.Sqrt(look.Build);
        for (var i = 0; i < 2; i++)
        {
            var side = i * 2 - 1;
            var swing = (float)(-0.75 * pose.Stride * Math.Sin(pose.Phase + (i == 0 ? 0 : Math.PI)));
            var bend = (float)pose.Elbow * (i == 0 ? 1f : 0.7f);
            var shoulder = new Joint(side * 0.107f * look.Build, 0, 0.8f);
            var elbow = shoulder + new Joint(side * 0.02f, 0.155f * MathF.Sin(swing), -0.155f * MathF.Cos(swing));
            var hand = elbow + new Joint(side * -0.004f, 0.145f * MathF.Sin(swing + bend), -0.145f * MathF.Cos(swing + bend));
            var depth = Depth(shoulder) + 0.3f * Depth(elbow);
            var near = depth >= 0 ? 0.94f : 0.76f;
            var sleeve = Shade(look.Upper, near);
            var skin = Shade(look.Skin, near);
            parts.Add((depth + (cos > 0 ? 0.01f : -0.01f), () =>
            {
                if (look.LongSleeves)
                {
                    Limb(hand, hand, 0.021f, 0.021f, skin);
                    Limb(elbow, hand, 0.032f * build, 0.023f * build, sleeve);
                    Limb(shoulder, elbow, 0.037f * build, 0.03f * build, sleeve);
                }
                else
                {
                    Limb(elbow, hand, 0.025f * build, 0.018f, skin);
                    Limb(shoulder, elbow, 0.032f * build, 0.025f * build, skin);
                    Limb(shoulder, shoulder + new Joint((elbow.Left - shoulder.Left) * 0.62f, (elbow.Front - shoulder.Front) * 0.62f,
                        (elbow.Up - shoulder.Up) * 0.62f),
                        0.038f * build, 0.036f * build, sleeve);
                }
                if (look.Bag == Bag.Handbag && side == look.BagSide) Box(At(hand), Turned(0.062f, 0.032f), 0.02f, 0.1f, 0.018f);
            }));
        }
    }

    private void AddHead()
    {
        const float up = 0.92f;
        var face = new Joint(0, 0.012f, up - 0.004f);
        var back = new Joint(0, -0.016f, up + 0.012f);
        var away = cos < 0;
        var hairDark = Shade(look.HairColor, 0.9f);
        if (look.Hair == Hair.Long)
            parts.Add((away ? 0.11f : -0.09f, () =>
            {
                var half = Turned(0.068f, 0.04f);
                var center = X(new Joint(0, -0.035f, 0));
                paint.Color = hairDark;
                canvas.DrawRoundRect(center - half, -up - 0.03f, 2 * half, 0.2f, 0.045f, 0.045f, paint);
            }));
        parts.Add((0.1f, () =>
        {
            if (away) Face();
            if (look.Hair != Hair.Bald) Scalp();
            if (!away) Face();
            if (look.Hair != Hair.Bald) Fringe();
            switch (look.Hair)
            {
                case Hair.Bun:
                    paint.Color = hairDark;
                    canvas.DrawCircle(At(new Joint(0, -0.06f, up + 0.045f)), 0.032f, paint);
                    break;
                case Hair.Ponytail when away || MathF.Abs(sin) > 0.5f:
                    Limb(new Joint(0, -0.07f, up + 0.03f), new Joint(0, -0.095f, up - 0.11f), 0.022f, 0.014f, hairDark);
                    break;
            }
            if (look.Hat != Hat.None) DrawHat();
        }));

        void Face()
        {
            paint.Color = look.Skin;
            var p = At(face);
            canvas.DrawOval(p.X, p.Y, 0.05f, 0.064f, paint);
            if (cos < 0.35f) return;
            paint.Color = Shade(look.Skin, 0.35f);
            foreach (var side in new[] { -1, 1 })
            {
                var eye = At(new Joint(side * 0.02f, 0.04f, up + 0.006f));
                canvas.DrawOval(eye.X, eye.Y, 0.0075f, 0.0055f, paint);
            }
            var mouth = At(new Joint(0, 0.045f, up - 0.034f));
            paint.Color = Shade(look.Skin, 0.6f);
            canvas.DrawOval(mouth.X, mouth.Y, 0.014f * cos, 0.004f, paint);
        }

        void Scalp()
        {
            paint.Color = look.HairColor;
            var p = At(back);
            canvas.DrawOval(p.X, p.Y, Turned(0.056f, 0.052f), 0.062f, paint);
        }

        void Fringe()
        {
            using var path = new SKPath();
            var p = At(face + new Joint(0, -0.004f, 0.008f));
            path.AddArc(new SKRect(p.X - 0.055f, p.Y - 0.067f, p.X + 0.055f, p.Y + 0.05f), 188, 164);
            path.Close();
            Fill(path, look.HairColor);
        }

        void DrawHat()
        {
            using var path = new SKPath();
            var p = At(new Joint(0, -0.003f, up + 0.012f));
            var top = look.Hat == Hat.Beanie ? 0.082f : 0.07f;
            path.AddArc(new SKRect(p.X - 0.06f, p.Y - top, p.X + 0.06f, p.Y + top), 180, 180);
            path.Close();
            Fill(path, look.HatColor);
            if (look.Hat == Hat.Beanie)
            {
                paint.Color = Shade(look.HatColor, 0.75f);
                canvas.DrawRoundRect(p.X - 0.061f, p.Y - 0.014f, 0.122f, 0.024f, 0.01f, 0.01f, paint);
            }
            else if (cos > -0.35f)
            {
                var brim = At(new Joint(0, 0.055f, up + 0.012f));
                paint.Color = Shade(look.HatColor, 0.75f);
                canvas.DrawOval(brim.X, brim.Y, 0.03f + 0.022f * MathF.Abs(cos), 0.011f + 0.006f * MathF.Max(0, cos), paint);
            }
        }
    }

    private void AddBag()
    {
        switch (look.Bag)
        {
            case Bag.Backpack:
                parts.Add((cos > 0 ? -0.05f : 0.07f, () =>
                {
                    var center = X(new Joint(0, -0.105f, 0));
                    Box(new SKPoint(center, -0.83f), Turned(0.098f, 0.06f), 0, 0.235f, 0.04f);
                    if (cos >= -0.25f) return;
                    paint.Color = Shade(look.BagColor, 0.7f);
                    canvas.DrawRoundRect(center + 0.065f * cos, -0.69f, -0.13f * cos, 0.075f, 0.015f, 0.015f, paint);
                }));
                break;
            case Bag.ShoulderBag:
                var place = new Joint(look.BagSide * 0.125f * look.Build, -0.01f, 0.53f);
                parts.Add((Depth(place) + 0.04f, () => Box(At(place), Turned(0.05f, 0.085f), 0, 0.13f, 0.02f)));
                break;
        }
    }

    private void Box(SKPoint top, float half, float gap, float height, float radius)
    {
        paint.Color = look.BagColor;
        var rect = new SKRect(top.X - half, top.Y + gap, top.X + half, top.Y + gap + height);
        canvas.DrawRoundRect(rect, radius, radius, paint);
        using var path = new SKPath();
        path.AddRoundRect(rect, radius, radius);
        canvas.Save();
        canvas.Translate(top.X, 0);
        path.Offset(-top.X, 0);
        Rounded(path, half);
        canvas.Restore();
    }
}
