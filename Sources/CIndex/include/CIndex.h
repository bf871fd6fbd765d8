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

typedef struct ci_graph ci_graph;
typedef struct ci_lists ci_lists;

const char *ci_last_error(void);

// Vector instructions of inner products; the numbers rise with their width.
enum { CI_PORTABLE, CI_AVX2, CI_AVX512 };
// The widest that this processor has.
int ci_best_instructions(void);
// The inner product of two rows, by the given instructions, which the processor must have.
float ci_dot(const float *a, const float *b, int64_t dimension, int instructions);

// A graph, whose links are drawn by inner product, or by Euclidean distance after a reduction under which the nearest
// item is the one with the largest inner product. With one thread, equal arguments give an equal graph. A file is loaded only when every part of it fits
// `count`, `dimension` and `links`, so that no search can leave the graph's memory.
ci_graph *ci_graph_build(const float *vectors, int64_t count, int64_t dimension, int64_t links,
                         int64_t construction_breadth, int is_euclidean, uint64_t seed, int threads, int instructions);
ci_graph *ci_graph_load(const char *path, int64_t count, int64_t dimension, int64_t links, int instructions);
int ci_graph_save(const ci_graph *graph, const char *path);
void ci_graph_free(ci_graph *graph);
// Writes up to `limit` items, best first, and their inner products; returns how many. `allowed` has a bit for each item
// (bit i % 64 of word i / 64), or is NULL for all. With it, -2 means that `budget` items were looked at in vain.
int64_t ci_graph_search(const ci_graph *graph, const float *query, int64_t limit, int64_t breadth,
                        const uint64_t *allowed, int64_t budget, int64_t *items, float *scores);

// Inverted lists: whole vectors when code_bytes is 0, otherwise product codes of that many bytes. A file is loaded only
// when its lists hold each of `count` items once; they stay in the file, which is mapped into memory.
ci_lists *ci_lists_build(const float *vectors, int64_t count, int64_t dimension, int64_t lists, int64_t code_bytes,
                         uint64_t seed, int threads);
ci_lists *ci_lists_load(const char *path, int64_t count, int64_t dimension, int64_t lists, int64_t code_bytes);
int ci_lists_save(const ci_lists *lists, const char *path);
void ci_lists_free(ci_lists *lists);
// As ci_graph_search, without a budget; the inner products of codes are approximate.
int64_t ci_lists_search(const ci_lists *lists, const float *query, int64_t limit, int64_t probes,
                        const uint64_t *allowed, int64_t *items, float *scores);

#ifdef __cplusplus
}
#endif
#endif
