// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// Inverted lists. Faiss clusters, encodes, stores and scans; which list an item belongs to, and which lists a query
// looks into, are found here, with vector instructions, because Faiss leaves that to whatever BLAS the program has.
// A search uses one thread and no OpenMP.
#include "Support.h"

#include <faiss/Clustering.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <faiss/invlists/InvertedLists.h>
#include <faiss/invlists/OnDiskInvertedLists.h>
#include <faiss/utils/Heap.h>

#include <cstdio>
#include <limits>
#include <memory>
#include <numeric>

#if FAISS_VERSION_MAJOR * 10000 + FAISS_VERSION_MINOR * 100 + FAISS_VERSION_PATCH < 10703
#error "Cascade needs Faiss 1.7.3 or newer: older ones do not filter while they search"
#endif

using namespace cindex;

namespace {

// The nearest of a few rows, by Euclidean distance; stands in for the flat index that k-means would use.
class Nearest : public faiss::Index {
    std::vector<float> columns; // [d, ntotal]: the rows, transposed, so that short ones fill vector registers too
    std::vector<float> halves;  // half of each row's squared norm
    int threads;
    AddScaled add_scaled = add_scaled_for(ci_best_instructions());

  public:
    Nearest(size_t dimension, int threads) : faiss::Index(static_cast<int>(dimension), faiss::METRIC_L2), threads(threads) {}

    void add(int64_t n, const float *x) override {
        if (ntotal != 0) throw std::runtime_error("rows are added once");
        size_t width = static_cast<size_t>(d), count = static_cast<size_t>(n);
        columns.resize(width * count);
        halves.assign(count, 0);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < width; j++) {
                float value = x[i * width + j];
                columns[j * count + i] = value;
                halves[i] += value * value / 2;
            }
        }
        ntotal = n;
    }

    void reset() override { ntotal = 0; }

    void search(int64_t n, const float *x, int64_t k, float *distances, int64_t *labels,
                const faiss::SearchParameters * = nullptr) const override {
        if (k != 1) throw std::runtime_error("only the nearest row is known");
        size_t width = static_cast<size_t>(d), count = halves.size();
        in_parallel(static_cast<size_t>(n), 256, threads, [&](size_t i) {
            thread_local std::vector<float> products;
            products.assign(count, 0);
            const float *point = x + i * width;
            float square = 0;
            for (size_t j = 0; j < width; j++) {
                add_scaled(point[j], columns.data() + j * count, products.data(), count);
                square += point[j] * point[j];
            }
            add_scaled(-1, halves.data(), products.data(), count);
            size_t best = static_cast<size_t>(std::max_element(products.begin(), products.end()) - products.begin());
            labels[i] = static_cast<int64_t>(best);
            distances[i] = std::max(0.0f, square - 2 * products[best]);
        });
    }
};

// Faiss's own writer does not report what the disk refuses at the end.
class CheckedWriter : public faiss::IOWriter {
    std::FILE *file;

  public:
    explicit CheckedWriter(const char *path) : file(std::fopen(path, "wb")) {
        if (!file) throw std::runtime_error("the file cannot be written");
    }
    ~CheckedWriter() override {
        if (file) std::fclose(file);
    }
    size_t operator()(const void *bytes, size_t size, size_t count) override { return std::fwrite(bytes, size, count, file); }
    void finish() {
        std::FILE *open = file;
        file = nullptr;
        if (std::fclose(open) != 0) throw std::runtime_error("the file was not written whole; is the disk full?");
    }
};

void train_codes(faiss::ProductQuantizer &codec, const float *vectors, size_t count, const std::vector<int64_t> &lists,
                 const std::vector<float> &centroids, uint64_t seed, int threads) {
    size_t d = codec.d, sample = std::min<size_t>(count, 64 * codec.ksub);
    std::vector<float> residuals(sample * d);
    for (size_t i = 0; i < sample; i++) {
        size_t item = i * count / sample; // evenly spread over the catalog
        const float *center = centroids.data() + static_cast<size_t>(lists[item]) * d;
        for (size_t j = 0; j < d; j++) residuals[i * d + j] = vectors[item * d + j] - center[j];
    }
    Nearest nearest(codec.dsub, threads);
    codec.cp.niter = 15;
    codec.cp.min_points_per_centroid = 1; // fewer than Faiss likes would print a warning
    codec.cp.seed = static_cast<int>(seed & 0x7FFFFFFF);
    codec.assign_index = &nearest;
    codec.train(sample, residuals.data());
    codec.assign_index = nullptr;
}

} // namespace

struct ci_ivf {
    std::unique_ptr<faiss::IndexIVF> index;
    const float *centroids; // of the index's own quantizer
    Dot dot = dot_for(ci_best_instructions());

    explicit ci_ivf(std::unique_ptr<faiss::IndexIVF> taken) : index(std::move(taken)) {
        auto *flat = dynamic_cast<faiss::IndexFlat *>(index->quantizer);
        if (!flat || flat->ntotal != static_cast<int64_t>(index->nlist) || flat->d != index->d)
            throw std::runtime_error("its lists have no centers");
        centroids = flat->get_xb();
    }

    // Throws unless the lists hold every item once.
    void check(int64_t count, int64_t dimension, int64_t nlist, int64_t pq_bytes) const {
        auto *codes = dynamic_cast<faiss::IndexIVFPQ *>(index.get());
        bool fits = index->metric_type == faiss::METRIC_INNER_PRODUCT && index->is_trained && index->d == dimension &&
                    index->ntotal == count && static_cast<int64_t>(index->nlist) == nlist && index->invlists &&
                    static_cast<int64_t>(index->invlists->nlist) == nlist && index->invlists->code_size == index->code_size;
        if (pq_bytes == 0) {
            fits = fits && dynamic_cast<faiss::IndexIVFFlat *>(index.get()) && index->code_size == sizeof(float) * static_cast<size_t>(dimension);
        } else {
            fits = fits && codes && codes->pq.M == static_cast<size_t>(pq_bytes) && codes->pq.nbits == 8 && codes->by_residual &&
                   codes->pq.d == static_cast<size_t>(dimension) && index->code_size == codes->pq.M &&
                   codes->pq.centroids.size() == static_cast<size_t>(dimension) * 256;
        }
        if (!fits) throw std::runtime_error("it holds other lists than announced");
        auto *mapped = dynamic_cast<faiss::OnDiskInvertedLists *>(index->invlists);
        std::vector<bool> seen(static_cast<size_t>(count));
        int64_t total = 0;
        for (size_t list = 0; list < index->nlist; list++) {
            size_t size = index->invlists->list_size(list);
            if (size == 0) continue;
            // Memory behind the end of a mapped file must not be touched.
            bool inside = size <= static_cast<size_t>(count) &&
                          (!mapped || mapped->lists[list].offset + size * (index->code_size + sizeof(int64_t)) <= mapped->totsize);
            if (!inside) throw std::runtime_error("it ends before its lists do");
            faiss::InvertedLists::ScopedIds ids(index->invlists, list);
            for (size_t i = 0; i < size; i++, total++) {
                int64_t item = ids.get()[i];
                if (item < 0 || item >= count || seen[static_cast<size_t>(item)]) throw std::runtime_error("its lists contradict one another");
                seen[static_cast<size_t>(item)] = true;
            }
        }
        if (total != count) throw std::runtime_error("its lists lack items");
    }
};

extern "C" {

ci_ivf *ci_ivf_build(const float *vectors, int64_t count, int64_t dimension, int64_t nlist, int64_t pq_bytes,
                         uint64_t seed, int threads) {
    return guarded(static_cast<ci_ivf *>(nullptr), [&] {
        size_t d = static_cast<size_t>(dimension), n = static_cast<size_t>(count), k = static_cast<size_t>(nlist);
        faiss::ClusteringParameters parameters;
        parameters.niter = 10;
        parameters.min_points_per_centroid = 1; // fewer than Faiss likes would print a warning
        parameters.max_points_per_centroid = 100;
        parameters.seed = static_cast<int>(seed & 0x7FFFFFFF);
        faiss::Clustering clustering(static_cast<int>(d), static_cast<int>(k), parameters);
        Nearest nearest(d, threads);
        clustering.train(count, vectors, nearest);
        std::vector<int64_t> assigned(n);
        std::vector<float> distances(n);
        nearest.search(count, vectors, 1, distances.data(), assigned.data());

        auto quantizer = std::make_unique<faiss::IndexFlatIP>(dimension);
        quantizer->add(nlist, clustering.centroids.data());
        std::unique_ptr<faiss::IndexIVF> index;
        if (pq_bytes == 0) {
            index = std::make_unique<faiss::IndexIVFFlat>(quantizer.get(), d, k, faiss::METRIC_INNER_PRODUCT);
        } else {
            auto coded = std::make_unique<faiss::IndexIVFPQ>(quantizer.get(), d, k, static_cast<size_t>(pq_bytes), 8, faiss::METRIC_INNER_PRODUCT);
            train_codes(coded->pq, vectors, n, assigned, clustering.centroids, seed, threads);
            index = std::move(coded);
        }
        index->own_fields = true;
        quantizer.release();
        index->is_trained = true;
        index->add_core(count, vectors, nullptr, assigned.data());
        return std::make_unique<ci_ivf>(std::move(index)).release();
    });
}

ci_ivf *ci_ivf_load(const char *path, int64_t count, int64_t dimension, int64_t nlist, int64_t pq_bytes) {
    return guarded(static_cast<ci_ivf *>(nullptr), [&] {
        std::unique_ptr<faiss::Index> read(faiss::read_index(path));
        auto *index = dynamic_cast<faiss::IndexIVF *>(read.get());
        if (!index) throw std::runtime_error("it holds no inverted lists");
        read.release();
        auto result = std::make_unique<ci_ivf>(std::unique_ptr<faiss::IndexIVF>(index));
        result->check(count, dimension, nlist, pq_bytes);
        return result.release();
    });
}

int ci_ivf_save(const ci_ivf *lists, const char *path) {
    return guarded(-1, [&] {
        CheckedWriter writer(path);
        faiss::write_index(lists->index.get(), &writer);
        writer.finish();
        return 0;
    });
}

void ci_ivf_free(ci_ivf *lists) { delete lists; }

int64_t ci_ivf_search(const ci_ivf *lists, const float *query, int64_t limit, int64_t nprobe,
                        const uint64_t *allowed, int64_t *items, float *scores) {
    return guarded(static_cast<int64_t>(-1), [&] {
        const faiss::IndexIVF &index = *lists->index;
        size_t k = index.nlist, d = static_cast<size_t>(index.d), probed = std::min(k, static_cast<size_t>(nprobe));
        std::vector<float> centers(k);
        for (size_t i = 0; i < k; i++) centers[i] = lists->dot(query, lists->centroids + i * d, d);
        std::vector<uint32_t> order(k);
        std::iota(order.begin(), order.end(), 0);
        size_t sorted = allowed ? k : probed; // a filter may need any number of lists
        std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(sorted), order.end(), [&](uint32_t a, uint32_t b) {
            return centers[a] != centers[b] ? centers[a] > centers[b] : a < b;
        });

        std::unique_ptr<faiss::IDSelector> selector;
        if (allowed) {
            size_t bytes = (static_cast<size_t>(index.ntotal) + 7) / 8;
            selector = std::make_unique<faiss::IDSelectorBitmap>(bytes, reinterpret_cast<const uint8_t *>(allowed));
        }
        std::unique_ptr<faiss::InvertedListScanner> scanner(index.get_InvertedListScanner(false, selector.get()));
        scanner->set_query(query);
        size_t wanted = static_cast<size_t>(limit);
        faiss::minheap_heapify(wanted, scores, items);
        // With a filter, as many items are compared as without one would be.
        size_t compared = 0, enough = probed * static_cast<size_t>(index.ntotal) / k;
        for (size_t i = 0; i < sorted && (i < probed || compared < enough); i++) {
            size_t list = order[i], size = index.invlists->list_size(list);
            if (size == 0) continue;
            faiss::InvertedLists::ScopedCodes codes(index.invlists, list);
            faiss::InvertedLists::ScopedIds ids(index.invlists, list);
            if (allowed) {
                size_t some = 0;
                for (size_t j = 0; j < size; j++) some += is_allowed(allowed, static_cast<size_t>(ids.get()[j]));
                if (some == 0) continue;
                compared += some;
            }
            scanner->set_list(static_cast<int64_t>(list), centers[list]);
            scanner->scan_codes(size, codes.get(), ids.get(), scores, items, wanted);
        }
        int64_t found = static_cast<int64_t>(faiss::minheap_reorder(wanted, scores, items));
        order_ties(found, items, scores);
        return found;
    });
}
}
