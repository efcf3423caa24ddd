#!/usr/bin/env python3
"""Times Faiss's exact index on the vectors that the command `peers` has written, and compares its answers with ours.

    apt-get install python3-faiss
    dotnet run -c Release --project benchmarks/MetricLearning.Search.Benchmarks -- peers FOLDER
    /usr/bin/python3 benchmarks/MetricLearning.Search.Benchmarks/faiss_flat.py FOLDER
"""
import json
import pathlib
import sys
import time

import faiss
import numpy

folder = pathlib.Path(sys.argv[1])
shape = json.loads((folder / "shape.json").read_text())
width, nearest = shape["width"], shape["nearest"]
faiss.omp_set_num_threads(shape["threads"])


def read(name, kind):
    return numpy.fromfile(folder / name, dtype=kind)


rows, queries = read("rows.f32", "float32").reshape(-1, width), read("queries.f32", "float32").reshape(-1, width)
faiss.normalize_L2(rows)
faiss.normalize_L2(queries)
index = faiss.IndexFlatIP(width)
index.add(rows)
print(f"Faiss {faiss.__version__} IndexFlatIP: {len(rows):,} rows, {len(queries):,} queries, D = {width}, the nearest {nearest}, "
      f"{shape['threads']} threads")
for one_in in shape["oneIn"]:
    kept = numpy.arange(0, len(rows), one_in, dtype="int64")
    how = faiss.SearchParameters(sel=faiss.IDSelectorBatch(kept)) if one_in > 1 else None

    def search(asked):
        return index.search(asked, nearest, params=how)[1]

    search(queries[:4])
    began = time.perf_counter()
    found = search(queries)
    batch = time.perf_counter() - began
    single = []
    for query in queries[:100]:
        began = time.perf_counter()
        search(query[None])
        single.append(time.perf_counter() - began)
    ours = read(f"answers-{one_in}.i64", "int64").reshape(len(queries), -1)
    recall = numpy.mean([len(numpy.intersect1d(a, b)) / len(b) for a, b in zip(found, ours)])
    print(f"  {100 / one_in:g} % of the rows: {1000 * batch:.0f} ms for all queries, {1000 * numpy.median(single):.2f} ms for one; "
          f"recall {recall:.4f}")
