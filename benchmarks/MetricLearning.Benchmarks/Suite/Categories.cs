namespace MetricLearning.Benchmarks;

public class DistanceMatrices() : CaseBenchmarks("distance matrices");

public class Mining() : CaseBenchmarks("mining");

public class Losses() : CaseBenchmarks("losses");

public class Sharing() : CaseBenchmarks("sharing");

public class Products() : CaseBenchmarks("products");

public class Samplers() : CaseBenchmarks("samplers");

public class Evaluation() : CaseBenchmarks("evaluation");

public class Reranking() : CaseBenchmarks("re-ranking");

public class Clustering() : CaseBenchmarks("clustering");

public class Searching() : CaseBenchmarks("search");

public class Networks() : CaseBenchmarks("networks");

public class Loading() : CaseBenchmarks("loading");

public class Weights() : CaseBenchmarks("weights");
