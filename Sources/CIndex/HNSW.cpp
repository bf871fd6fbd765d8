// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// The graph. hnswlib's own inner product is chosen when it is compiled; here it gets ours, chosen at run time.
#include "Support.h"

#include <hnswlib/hnswlib.h>

#include <cmath>
#include <filesystem>
#include <memory>

using namespace cindex;

namespace {

// Two distances over rows of D + 1 numbers: an item's vector, and what its squared norm lacks of the catalog's
// largest, under a root. All rows then have equal norms, so that the item with the largest inner product with a query
// (whose last number is 0) is the nearest one too. A search uses the inner product of the first D numbers, with its
// sign changed; hnswlib's own is 1 - dot, which would round scores. Links are drawn by either distance.
//
// Source: Bachrach et al., RecSys 2014, section 3.1 (the reduction).
template <int instructions> float product_distance(const void *a, const void *b, const void *stored) {
    static const Dot dot = dot_for(instructions);
    return -dot(static_cast<const float *>(a), static_cast<const float *>(b), *static_cast<const size_t *>(stored) - 1);
}

template <int instructions> float euclidean_distance(const void *a, const void *b, const void *stored) {
    static const Dot distance = squared_distance_for(instructions);
    return distance(static_cast<const float *>(a), static_cast<const float *>(b), *static_cast<const size_t *>(stored));
}

class Space : public hnswlib::SpaceInterface<float> {
    size_t stored; // numbers of a row, one more than the dimension
    int instructions;
    bool is_euclidean;

  public:
    using Distance = hnswlib::DISTFUNC<float>;
    Space(size_t dimension, int instructions, bool is_euclidean) : stored(dimension + 1), instructions(instructions), is_euclidean(is_euclidean) {
        dot_for(instructions); // throws when the processor lacks them
    }
    Distance product() const {
        return instructions == CI_AVX512 ? product_distance<CI_AVX512> : instructions == CI_AVX2 ? product_distance<CI_AVX2> : product_distance<CI_PORTABLE>;
    }
    Distance euclidean() const {
        return instructions == CI_AVX512 ? euclidean_distance<CI_AVX512> : instructions == CI_AVX2 ? euclidean_distance<CI_AVX2> : euclidean_distance<CI_PORTABLE>;
    }
    size_t get_data_size() override { return stored * sizeof(float); }
    Distance get_dist_func() override { return is_euclidean ? euclidean() : product(); }
    void *get_dist_func_param() override { return &stored; }
};

using Node = hnswlib::tableint;
using Found = std::pair<float, Node>; // distance, node

class Graph : public hnswlib::HierarchicalNSW<float> {
  public:
    using HierarchicalNSW::HierarchicalNSW;

    float distance_to(const void *query, Node node) const {
        return fstdistfunc_(query, getDataByInternalId(node), dist_func_param_);
    }

    // The node of the bottom layer from which a search starts: greedy steps through the layers above.
    Node entry(const void *query) const {
        Node node = enterpoint_node_;
        float best = distance_to(query, node);
        for (int level = maxlevel_; level > 0; level--) {
            for (bool moved = true; moved;) {
                moved = false;
                auto *links = get_linklist(node, level);
                size_t count = getListCount(links);
                for (size_t i = 1; i <= count; i++) {
                    float d = distance_to(query, links[i]);
                    if (d < best) {
                        best = d;
                        node = links[i];
                        moved = true;
                    }
                }
            }
        }
        return node;
    }

    // Walks over all nodes but keeps the allowed ones. False when `budget` distances were not enough.
    bool filtered(const void *query, size_t breadth, const uint64_t *allowed, size_t budget, std::vector<Found> &kept) const {
        Visit visit(visited_list_pool_);
        std::vector<Found> waiting; // a heap, nearest on top; `kept` is one with the farthest on top
        auto nearer = std::greater<Found>();
        auto look = [&](Node node) {
            visit.marks[node] = visit.mark;
            float d = distance_to(query, node);
            if (kept.size() == breadth && d >= kept.front().first) return;
            waiting.emplace_back(d, node);
            std::push_heap(waiting.begin(), waiting.end(), nearer);
            if (!is_allowed(allowed, getExternalLabel(node))) return;
            kept.emplace_back(d, node);
            std::push_heap(kept.begin(), kept.end());
            if (kept.size() > breadth) {
                std::pop_heap(kept.begin(), kept.end());
                kept.pop_back();
            }
        };
        look(entry(query));
        size_t seen = 1;
        while (!waiting.empty()) {
            auto [d, node] = waiting.front();
            if (kept.size() == breadth && d > kept.front().first) break;
            std::pop_heap(waiting.begin(), waiting.end(), nearer);
            waiting.pop_back();
            auto *links = get_linklist0(node);
            size_t count = getListCount(links);
            for (size_t i = 1; i <= count; i++) {
                if (i < count) {
                    __builtin_prefetch(&visit.marks[links[i + 1]]);
                    __builtin_prefetch(getDataByInternalId(links[i + 1]));
                }
                if (visit.marks[links[i]] == visit.mark) continue;
                if (++seen > budget) return false;
                look(links[i]);
            }
        }
        return true;
    }

    // Throws unless every number that a search follows stays inside the graph.
    void check(size_t count, size_t dimension, size_t links) const {
        auto require = [](bool condition) {
            if (!condition) throw std::runtime_error("the graph contradicts itself");
        };
        size_t links0 = 2 * links * sizeof(Node) + sizeof(hnswlib::linklistsizeint);
        require(cur_element_count == count && max_elements_ >= count);
        require(M_ == links && maxM_ == links && maxM0_ == 2 * links && data_size_ == (dimension + 1) * sizeof(float));
        require(offsetLevel0_ == 0 && offsetData_ == links0 && label_offset_ == links0 + data_size_);
        require(size_data_per_element_ == label_offset_ + sizeof(hnswlib::labeltype));
        require(enterpoint_node_ < count && maxlevel_ >= 0 && element_levels_[enterpoint_node_] == maxlevel_);
        std::vector<bool> seen(count);
        for (Node node = 0; node < count; node++) {
            size_t label = getExternalLabel(node);
            require(label < count && !seen[label] && !isMarkedDeleted(node));
            seen[label] = true;
            for (int level = 0; level <= element_levels_[node]; level++) {
                auto *list = get_linklist_at_level(node, level);
                size_t size = getListCount(list);
                require(size <= (level == 0 ? maxM0_ : maxM_));
                for (size_t i = 1; i <= size; i++) require(list[i] < count && element_levels_[list[i]] >= level);
            }
        }
    }

    // Bytes of the file that saveIndex writes when the disk lets it: thirteen numbers, the bottom layer, the others.
    size_t file_size() const {
        size_t size = 11 * 8 + 2 * 4 + cur_element_count * (size_data_per_element_ + 4);
        for (size_t i = 0; i < cur_element_count; i++) size += element_levels_[i] * size_links_per_element_;
        return size;
    }

  private:
    // Marks of visited nodes, borrowed from the library's pool.
    template <typename Pool> struct Borrowed {
        Pool &pool;
        hnswlib::VisitedList *list;
        hnswlib::vl_type *marks;
        hnswlib::vl_type mark;
        explicit Borrowed(Pool &pool) : pool(pool), list(pool->getFreeVisitedList()), marks(list->mass), mark(list->curV) {}
        ~Borrowed() { pool->releaseVisitedList(list); }
    };
    using Visit = Borrowed<const decltype(visited_list_pool_)>;
};

// The header that saveIndex writes, in its order; checked before the library allocates by it.
void check_header(const char *path, size_t count, size_t dimension, size_t links) {
    struct {
        uint64_t offset0, capacity, count, element, label, data;
        int32_t level;
        uint32_t entry;
        uint64_t links, links0, m;
    } header;
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char *>(&header), sizeof header)) throw std::runtime_error("it is too short for a graph");
    size_t data = 2 * links * sizeof(Node) + sizeof(hnswlib::linklistsizeint), label = data + (dimension + 1) * sizeof(float);
    if (header.offset0 != 0 || header.capacity != count || header.count != count || header.data != data ||
        header.label != label || header.element != label + sizeof(hnswlib::labeltype) || header.links != links ||
        header.links0 != 2 * links || header.m != links)
        throw std::runtime_error("it holds another graph than announced");
}

} // namespace

struct ci_hnsw {
    Space space; // the graph points to it
    Graph graph;

    template <typename... Arguments>
    ci_hnsw(Space space, Arguments... arguments) : space(space), graph(&this->space, arguments...) {}
    // From here on the graph is searched.
    ci_hnsw *finished() {
        graph.fstdistfunc_ = space.product();
        return this;
    }
};

extern "C" {

ci_hnsw *ci_hnsw_build(const float *vectors, int64_t count, int64_t dimension, int64_t m,
                         int64_t ef_construction, int is_euclidean, uint64_t seed, int threads, int instructions) {
    return guarded(static_cast<ci_hnsw *>(nullptr), [&] {
        size_t n = static_cast<size_t>(count), d = static_cast<size_t>(dimension);
        size_t ef = static_cast<size_t>(ef_construction);
        auto result = std::make_unique<ci_hnsw>(Space(d, instructions, is_euclidean != 0), n, static_cast<size_t>(m), ef, static_cast<size_t>(seed));
        std::vector<float> squares(n);
        Dot dot = dot_for(instructions);
        for (size_t i = 0; i < n; i++) squares[i] = dot(vectors + i * d, vectors + i * d, d);
        float largest = *std::max_element(squares.begin(), squares.end());
        auto add = [&](size_t item) {
            std::vector<float> row(vectors + item * d, vectors + (item + 1) * d);
            row.push_back(std::sqrt(largest - squares[item]));
            result->graph.addPoint(row.data(), item);
        };
        add(0); // alone, because the library's first node must be there before others look for it
        in_parallel(n - 1, 64, threads, [&](size_t i) { add(i + 1); });
        return result.release()->finished();
    });
}

ci_hnsw *ci_hnsw_load(const char *path, int64_t count, int64_t dimension, int64_t m, int instructions) {
    return guarded(static_cast<ci_hnsw *>(nullptr), [&] {
        size_t n = static_cast<size_t>(count), d = static_cast<size_t>(dimension), links = static_cast<size_t>(m);
        check_header(path, n, d, links);
        auto result = std::make_unique<ci_hnsw>(Space(d, instructions, false), std::string(path));
        result->graph.check(n, d, links);
        result->graph.num_deleted_ = 0; // the library counts on from whatever lay in memory
        return result.release()->finished();
    });
}

int ci_hnsw_save(const ci_hnsw *graph, const char *path) {
    return guarded(-1, [&] {
        // The library forgets `const` here, and does not look whether the disk took what it wrote.
        const_cast<ci_hnsw *>(graph)->graph.saveIndex(path);
        if (std::filesystem::file_size(path) != graph->graph.file_size())
            throw std::runtime_error("the file was not written whole; is the disk full?");
        return 0;
    });
}

void ci_hnsw_free(ci_hnsw *graph) { delete graph; }

int64_t ci_hnsw_search(const ci_hnsw *handle, const float *query, int64_t limit, int64_t ef_search,
                        const uint64_t *allowed, int64_t budget, int64_t *items, float *scores) {
    return guarded(static_cast<int64_t>(-1), [&] {
        const Graph &graph = handle->graph;
        size_t width = static_cast<size_t>(std::max(limit, ef_search));
        int64_t count;
        auto keep = [&](int64_t place, const Found &found) {
            items[place] = static_cast<int64_t>(graph.getExternalLabel(found.second));
            scores[place] = -found.first;
        };
        if (allowed) {
            std::vector<Found> kept;
            if (!graph.filtered(query, width, allowed, static_cast<size_t>(budget), kept)) return static_cast<int64_t>(-2);
            std::sort_heap(kept.begin(), kept.end());
            count = std::min<int64_t>(limit, static_cast<int64_t>(kept.size()));
            for (int64_t i = 0; i < count; i++) keep(i, kept[static_cast<size_t>(i)]);
        } else {
            auto found = graph.searchBaseLayerST<false>(graph.entry(query), query, width);
            while (static_cast<int64_t>(found.size()) > limit) found.pop();
            count = static_cast<int64_t>(found.size());
            for (int64_t i = count; i-- > 0; found.pop()) keep(i, found.top());
        }
        order_ties(count, items, scores);
        return count;
    });
}
}
