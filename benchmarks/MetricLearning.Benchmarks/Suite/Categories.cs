namespace MetricLearning.Benchmarks;

#pragma warning disable SA1402 // one line a category

public class DistanceMatrices() : CaseBenchmarks("distance matrices");

public class Evaluation() : CaseBenchmarks("evaluation");
