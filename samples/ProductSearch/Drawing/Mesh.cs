using System.Numerics;

namespace ProductSearch.Drawing;

/// <summary>A corner of a triangle: its position, the direction of its surface, and its place on the material.</summary>
/// <param name="Position">The position; y points up.</param>
/// <param name="Normal">The direction of the surface, of length 1.</param>
/// <param name="Texture">The place on the material: around it, and up it, both in [0, 1].</param>
internal readonly record struct Vertex(Vector3 Position, Vector3 Normal, Vector2 Texture);

/// <summary>A solid thing, as triangles.</summary>
internal sealed class Mesh
{
    private const int Around = 32, PerCurve = 4;

    /// <summary>The corners, three for each triangle.</summary>
    public List<Vertex> Corners { get; } = [];

    /// <summary>The material of each triangle.</summary>
    public List<Material> Materials { get; } = [];

    /// <summary>The lowest and the highest corner of the box around the thing.</summary>
    public (Vector3 Low, Vector3 High) Bounds => (
        Corners.Aggregate(new Vector3(float.MaxValue), (low, corner) => Vector3.Min(low, corner.Position)),
        Corners.Aggregate(new Vector3(float.MinValue), (high, corner) => Vector3.Max(high, corner.Position)));

    /// <summary>A solid of revolution: a curve that turns around the vertical axis.</summary>
    /// <param name="material">The material.</param>
    /// <param name="curve">Radius and height from the bottom to the top; a smooth curve goes through these points.</param>
    public Mesh Turn(Material material, params (float Radius, float Height)[] curve)
    {
        List<Vector2> points = [];
        for (var i = 0; i + 1 < curve.Length; i++)
            for (var step = 0; step < PerCurve; step++) points.Add(Smooth(i, (float)step / PerCurve));
        points.Add(At(curve.Length - 1));
        var along = new float[points.Count];
        for (var i = 1; i < points.Count; i++) along[i] = along[i - 1] + Vector2.Distance(points[i - 1], points[i]);
        for (var i = 0; i + 1 < points.Count; i++)
        {
            var slope = points[i + 1] - points[i];
            if (slope.LengthSquared() < 1e-12f) continue;
            var outward = Vector2.Normalize(new Vector2(slope.Y, -slope.X));
            for (var k = 0; k < Around; k++)
                Quad(material, Corner(i, k), Corner(i, k + 1), Corner(i + 1, k + 1), Corner(i + 1, k));

            Vertex Corner(int point, int side)
            {
                var (sin, cos) = MathF.SinCos(2 * MathF.PI * side / Around);
                return new Vertex(new Vector3(points[point].X * sin, points[point].Y, points[point].X * cos),
                    new Vector3(outward.X * sin, outward.Y, outward.X * cos), new Vector2((float)side / Around, along[point] / along[^1]));
            }
        }
        return this;

        Vector2 At(int i) => new(curve[Math.Clamp(i, 0, curve.Length - 1)].Radius, curve[Math.Clamp(i, 0, curve.Length - 1)].Height);

        // A Catmull-Rom curve; two equal points in a row make a sharp edge.
        Vector2 Smooth(int i, float t)
        {
            var (a, b, c, d) = (At(i - 1), At(i), At(i + 1), At(i + 2));
            var (into, outOf) = (b == a ? c - b : (c - a) / 2, c == d ? c - b : (d - b) / 2);
            var (t2, t3) = (t * t, t * t * t);
            return (2 * t3 - 3 * t2 + 1) * b + (t3 - 2 * t2 + t) * into + (3 * t2 - 2 * t3) * c + (t3 - t2) * outOf;
        }
    }

    /// <summary>A box with its edges along the axes.</summary>
    public Mesh Box(Material material, Vector3 low, Vector3 high)
    {
        Vector3[] normals = [Vector3.UnitX, -Vector3.UnitX, Vector3.UnitY, -Vector3.UnitY, Vector3.UnitZ, -Vector3.UnitZ];
        foreach (var normal in normals)
        {
            var up = MathF.Abs(normal.Y) > 0.5f ? Vector3.UnitZ : Vector3.UnitY;
            var right = Vector3.Cross(up, normal);
            Quad(material, Corner(-1, -1), Corner(1, -1), Corner(1, 1), Corner(-1, 1));

            Vertex Corner(int x, int y)
            {
                var unit = (normal + x * right + y * up + Vector3.One) / 2;
                return new Vertex(low + unit * (high - low), normal, new Vector2((x + 1) / 2f, (y + 1) / 2f));
            }
        }
        return this;
    }

    /// <summary>A round bar that follows a path.</summary>
    public Mesh Bar(Material material, float radius, params Vector3[] path)
    {
        const int sides = 12;
        for (var i = 0; i + 1 < path.Length; i++)
        {
            var along = Vector3.Normalize(path[i + 1] - path[i]);
            var across = Vector3.Normalize(Vector3.Cross(along, MathF.Abs(along.Y) > 0.9f ? Vector3.UnitX : Vector3.UnitY));
            var other = Vector3.Cross(along, across);
            for (var k = 0; k < sides; k++) Quad(material, Corner(i, k), Corner(i, k + 1), Corner(i + 1, k + 1), Corner(i + 1, k));

            Vertex Corner(int point, int side)
            {
                var (sin, cos) = MathF.SinCos(2 * MathF.PI * side / sides);
                var outward = across * cos + other * sin;
                return new Vertex(path[point] + radius * outward, outward,
                    new Vector2((float)side / sides, (float)point / (path.Length - 1)));
            }
        }
        foreach (var point in path.Length > 2 ? path[1..^1] : []) Ball(material, point, new Vector3(radius));
        return this;
    }

    /// <summary>An ellipsoid.</summary>
    public Mesh Ball(Material material, Vector3 center, Vector3 radii)
    {
        const int levels = 6;
        var ball = new (float Radius, float Height)[levels + 1];
        for (var i = 0; i <= levels; i++)
        {
            var (sin, cos) = MathF.SinCos(MathF.PI * i / levels);
            ball[i] = (sin, -cos);
        }
        return Add(new Mesh().Turn(material, ball), Matrix4x4.CreateScale(radii) * Matrix4x4.CreateTranslation(center));
    }

    /// <summary>A disc or short cylinder whose axis points to the viewer.</summary>
    public Mesh Wheel(Material material, Vector3 center, float radius, float width) => Add(
        new Mesh().Turn(material, (0, -width / 2), (0, -width / 2), (radius, -width / 2), (radius, -width / 2), (radius, width / 2),
            (radius, width / 2), (0, width / 2)),
        Matrix4x4.CreateRotationX(MathF.PI / 2) * Matrix4x4.CreateTranslation(center));

    /// <summary>Adds another thing, moved.</summary>
    public Mesh Add(Mesh other, Matrix4x4 place)
    {
        Matrix4x4.Invert(place, out var back);
        var turn = Matrix4x4.Transpose(back);
        foreach (var corner in other.Corners)
            Corners.Add(new Vertex(Vector3.Transform(corner.Position, place),
                Vector3.Normalize(Vector3.TransformNormal(corner.Normal, turn)), corner.Texture));
        Materials.AddRange(other.Materials);
        return this;
    }

    private void Quad(Material material, Vertex a, Vertex b, Vertex c, Vertex d)
    {
        Corners.AddRange([a, b, c, a, c, d]);
        Materials.AddRange([material, material]);
    }
}
