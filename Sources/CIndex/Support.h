// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// What the parts of CIndex share: inner products, errors, threads, the order of results.
#ifndef CINDEX_SUPPORT_H
#define CINDEX_SUPPORT_H

#include "CIndex.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace cindex {

using Dot = float (*)(const float *, const float *, size_t);
// Adds scale * x to the sums.
using AddScaled = void (*)(float scale, const float *x, float *sums, size_t count);

Dot dot_for(int instructions);
Dot squared_distance_for(int instructions);
AddScaled add_scaled_for(int instructions);

void remember(const char *message);

template <typename R, typename F> R guarded(R failure, F body) {
    try {
        return body();
    } catch (const std::bad_alloc &) {
        remember("there is not enough memory");
    } catch (const std::exception &e) {
        remember(e.what());
    } catch (...) {
        remember("unknown C++ exception");
    }
    return failure;
}

// Calls body(i) for every i below count from several threads; the first exception is thrown again at the end.
template <typename F> void in_parallel(size_t count, size_t piece, int threads, F body) {
    std::atomic<size_t> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    auto work = [&] {
        try {
            for (size_t start; (start = next.fetch_add(piece)) < count;) {
                for (size_t i = start; i < std::min(start + piece, count); i++) body(i);
            }
        } catch (...) {
            std::lock_guard<std::mutex> lock(guard);
            if (!failure) failure = std::current_exception();
            next = count;
        }
    };
    std::vector<std::thread> workers;
    for (int i = 1; i < threads; i++) workers.emplace_back(work);
    work();
    for (auto &worker : workers) worker.join();
    if (failure) std::rethrow_exception(failure);
}

// Among equal scores, which must already lie side by side, the lower item goes first.
inline void order_ties(int64_t count, int64_t *items, const float *scores) {
    for (int64_t start = 0; start < count;) {
        int64_t end = start + 1;
        while (end < count && scores[end] == scores[start]) end++;
        if (end - start > 1) std::sort(items + start, items + end);
        start = end;
    }
}

inline bool is_allowed(const uint64_t *allowed, size_t item) { return allowed[item / 64] >> (item % 64) & 1; }

} // namespace cindex
#endif
