// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// A C face for the two libraries that find large inner products: hnswlib (a graph) and Faiss (inverted lists).
//
// Every function that can fail returns NULL (handles) or a negative number, and leaves a message that ci_last_error()
// returns on the same thread. No C++ exception ever leaves this library. Handles are owned by the caller. Any number
// of threads may search one handle at once. Vectors are rows of float32, one behind the other; memory borrowed from
// the caller is copied before returning. Items are numbered from 0 in the order of their rows.
#ifndef CINDEX_H
#define CINDEX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ci_hnsw ci_hnsw;
typedef struct ci_ivf ci_ivf;

const char *ci_last_error(void);

// Vector instructions of inner products; the numbers rise with their width.
enum { CI_PORTABLE, CI_AVX2, CI_AVX512 };
// The widest that this processor has.
int ci_best_instructions(void);
// The inner product of two rows, by the given instructions, which the processor must have.
float ci_dot(const float *a, const float *b, int64_t dimension, int instructions);

// A graph, whose links are drawn by inner product, or by Euclidean distance after a reduction under which the nearest
// item is the one with the largest inner product. With one thread, equal arguments give an equal graph. A file is loaded only when every part of it fits
// `count`, `dimension` and `m`, so that no search can leave the graph's memory.
ci_hnsw *ci_hnsw_build(const float *vectors, int64_t count, int64_t dimension, int64_t m,
                         int64_t ef_construction, int is_euclidean, uint64_t seed, int threads, int instructions);
ci_hnsw *ci_hnsw_load(const char *path, int64_t count, int64_t dimension, int64_t m, int instructions);
int ci_hnsw_save(const ci_hnsw *graph, const char *path);
void ci_hnsw_free(ci_hnsw *graph);
// Writes up to `limit` items, best first, and their inner products; returns how many. `allowed` has a bit for each item
// (bit i % 64 of word i / 64), or is NULL for all. With it, -2 means that `budget` items were looked at in vain.
int64_t ci_hnsw_search(const ci_hnsw *graph, const float *query, int64_t limit, int64_t ef_search,
                        const uint64_t *allowed, int64_t budget, int64_t *items, float *scores);

// Inverted lists: whole vectors when pq_bytes is 0, otherwise product codes of that many bytes. A file is loaded only
// when its lists hold each of `count` items once; they stay in the file, which is mapped into memory.
ci_ivf *ci_ivf_build(const float *vectors, int64_t count, int64_t dimension, int64_t nlist, int64_t pq_bytes,
                         uint64_t seed, int threads);
ci_ivf *ci_ivf_load(const char *path, int64_t count, int64_t dimension, int64_t nlist, int64_t pq_bytes);
int ci_ivf_save(const ci_ivf *lists, const char *path);
void ci_ivf_free(ci_ivf *lists);
// As ci_hnsw_search, without a budget; the inner products of codes are approximate.
int64_t ci_ivf_search(const ci_ivf *lists, const float *query, int64_t limit, int64_t nprobe,
                        const uint64_t *allowed, int64_t *items, float *scores);

#ifdef __cplusplus
}
#endif
#endif
