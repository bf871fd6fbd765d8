// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// hnswlib as one would use it from C++, beside `cascade bench index`: vectors of the same kind, the same parameters.
//
//   c++ -O3 -march=native -std=c++20 Benchmarks/hnswlib_direct.cpp -o hnswlib_direct
//   ./hnswlib_direct [ITEMS] [EF,EF,...]       medians of one user at a time, as there
//
// Two graphs: by the library's inner product, and by Euclidean distance after the reduction that Cascade makes.
#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int main(int argc, char **argv) {
    const size_t items = argc > 1 ? strtoul(argv[1], nullptr, 10) : 100000, d = 64, users = 1000, depth = 100, clusters = items / 100;
    std::vector<size_t> breadths;
    for (char *text = argc > 2 ? argv[2] : const_cast<char *>("100,150,200"); *text;) {
        breadths.push_back(strtoul(text, &text, 10));
        if (*text) text++;
    }
    std::mt19937_64 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> centers(clusters * d);
    for (auto &x : centers) x = normal(generator);
    auto draw = [&](size_t count) {
        std::vector<float> rows(count * d);
        for (size_t i = 0; i < count; i++) {
            size_t center = generator() % clusters;
            for (size_t j = 0; j < d; j++) rows[i * d + j] = centers[center * d + j] + 0.5f * normal(generator);
        }
        return rows;
    };
    const auto rows = draw(items), queries = draw(users);

    std::vector<std::set<size_t>> truth(users);
    for (size_t u = 0; u < users; u++) {
        std::vector<std::pair<float, size_t>> scores(items);
        for (size_t i = 0; i < items; i++) {
            float dot = 0;
            for (size_t j = 0; j < d; j++) dot += rows[i * d + j] * queries[u * d + j];
            scores[i] = {-dot, i};
        }
        std::partial_sort(scores.begin(), scores.begin() + depth, scores.end());
        for (size_t i = 0; i < depth; i++) truth[u].insert(scores[i].second);
    }

    auto measure = [&](const char *name, hnswlib::SpaceInterface<float> &space, const std::vector<float> &stored, const std::vector<float> &asked, size_t width) {
        double start = now();
        hnswlib::HierarchicalNSW<float> graph(&space, items, 16, 200, 1);
        for (size_t i = 0; i < items; i++) graph.addPoint(&stored[i * width], i);
        double build = now() - start;
        for (size_t breadth : breadths) {
            graph.setEf(breadth);
            size_t hits = 0;
            std::vector<double> seconds;
            for (size_t u = 0; u < users; u++) {
                double asked_at = now();
                auto found = graph.searchKnn(&asked[u * width], depth);
                seconds.push_back(now() - asked_at);
                for (; !found.empty(); found.pop()) hits += truth[u].count(found.top().second);
            }
            std::sort(seconds.begin(), seconds.end());
            double recall = static_cast<double>(hits) / static_cast<double>(users * depth), median = seconds[users / 2];
            std::printf("%-14s ef %4zu  recall@%zu %.4f  median %.3f ms, %6.0f users/s  built in %.1f s\n", name, breadth, depth, recall, median * 1000, 1 / median, build);
        }
    };
    hnswlib::InnerProductSpace product(d);
    measure("inner product", product, rows, queries, d);

    std::vector<double> squares(items);
    for (size_t i = 0; i < items; i++) {
        for (size_t j = 0; j < d; j++) squares[i] += static_cast<double>(rows[i * d + j]) * rows[i * d + j];
    }
    const double largest = *std::max_element(squares.begin(), squares.end());
    std::vector<float> reduced, asked;
    for (size_t i = 0; i < items; i++) {
        reduced.insert(reduced.end(), &rows[i * d], &rows[i * d] + d);
        reduced.push_back(static_cast<float>(std::sqrt(largest - squares[i])));
    }
    for (size_t u = 0; u < users; u++) {
        asked.insert(asked.end(), &queries[u * d], &queries[u * d] + d);
        asked.push_back(0);
    }
    hnswlib::L2Space euclidean(d + 1);
    measure("reduced", euclidean, reduced, asked, d + 1);
}
