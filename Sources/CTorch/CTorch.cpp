// Part of Cascade. SPDX-License-Identifier: Apache-2.0
#include "CTorch.h"
#include "Functions.h"
#include "SelectiveScan.h"

#include <ATen/Parallel.h>
#include <ATen/core/PhiloxRNGEngine.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

static_assert(TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 11, "Cascade is written against libtorch 2.11 to 2.13");

using at::IntArrayRef;
using at::Scalar;
using at::Tensor;

struct ct_tensor {
    Tensor t;
};
struct ct_generator {
    at::Generator g;
};

namespace {

std::atomic<int64_t> live{0};
thread_local std::string last_error;

ct_tensor *wrap(Tensor t) {
    live.fetch_add(1, std::memory_order_relaxed);
    return new ct_tensor{std::move(t)};
}

// libtorch appends a C++ backtrace to its messages; people want the sentence.
void remember(const char *message) {
    last_error = message;
    auto cut = last_error.find("\nException raised from");
    if (cut != std::string::npos) last_error.resize(cut);
}

template <typename R, typename F> R guarded(R failure, F body) {
    try {
        return body();
    } catch (const c10::Error &e) {
        remember(e.what_without_backtrace());
    } catch (const std::exception &e) {
        remember(e.what());
    } catch (...) {
        last_error = "unknown C++ exception";
    }
    return failure;
}

template <typename F> ct_tensor *make(F body) {
    return guarded(static_cast<ct_tensor *>(nullptr), [&] { return wrap(body()); });
}

template <typename F> int run(F body) {
    return guarded(1, [&] {
        body();
        return 0;
    });
}

const at::ScalarType types[] = {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat, at::kDouble};

at::ScalarType scalar_type(int type) {
    TORCH_CHECK(type >= 0 && type <= CT_F64, "unknown element type ", type);
    return types[type];
}

at::Device device_of(int device) {
    return device < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device));
}

at::TensorOptions options(int type, int device) { return at::TensorOptions().dtype(scalar_type(type)).device(device_of(device)); }
IntArrayRef ints(const int64_t *p, int n) { return IntArrayRef(p, static_cast<size_t>(n)); }
at::OptionalIntArrayRef some(const int64_t *p, int n) { return n == 0 ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(ints(p, n)); }
std::optional<Tensor> maybe(const ct_tensor *t) { return t ? std::optional<Tensor>(t->t) : std::nullopt; }
std::optional<at::Generator> maybe(ct_generator *g) { return g ? std::optional<at::Generator>(g->g) : std::nullopt; }

std::vector<Tensor> list(ct_tensor *const *ts, int count) {
    std::vector<Tensor> all;
    all.reserve(count);
    for (int i = 0; i < count; i++) all.push_back(ts[i]->t);
    return all;
}

// A whole number keeps an integer tensor an integer tensor.
Scalar number(const Tensor &t, double value) {
    bool whole = value == std::floor(value) && std::abs(value) < 0x1p63;
    if (at::isIntegralType(t.scalar_type(), true) && whole) return Scalar(static_cast<int64_t>(value));
    return Scalar(value);
}

}  // namespace

extern "C" {

const char *ct_last_error(void) { return last_error.c_str(); }
const char *ct_version(void) { return TORCH_VERSION; }
int64_t ct_live_handles(void) { return live.load(); }
int ct_cuda_count(void) {
    return guarded(0, [] { return torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0; });
}
void ct_set_threads(int count) { guarded(0, [&] { at::set_num_threads(count); return 0; }); }
int ct_threads(void) { return at::get_num_threads(); }
void ct_keep_freed_memory([[maybe_unused]] int bytes) {
#ifdef __GLIBC__
    if (bytes < 0) {
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TOP_PAD, 64 << 20);
    } else {
        mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc accepts
    }
    mallopt(M_TRIM_THRESHOLD, bytes);
#endif
}
int ct_synchronize(int device) {
    return run([&] { if (device >= 0) torch::cuda::synchronize(device); });
}

// MARK: creation and access

void ct_free(ct_tensor *t) {
    live.fetch_sub(1, std::memory_order_relaxed);
    delete t;
}
ct_tensor *ct_from_data(const void *data, int type, const int64_t *shape, int n) {
    return make([&] {
        Tensor t = at::empty(ints(shape, n), options(type, -1));
        if (t.nbytes() > 0) std::memcpy(t.data_ptr(), data, t.nbytes());
        return t;
    });
}
ct_tensor *ct_full(const int64_t *shape, int n, double value, int type, int device) {
    return make([&] {
        Tensor t = at::empty(ints(shape, n), options(type, device));
        return t.fill_(number(t, value));
    });
}
ct_tensor *ct_arange(int64_t start, int64_t end, int type, int device) {
    return make([&] { return at::arange(start, end, options(type, device)); });
}
ct_tensor *ct_to(const ct_tensor *t, int type, int device) {
    return make([&] { return t->t.to(options(type, device)); });
}
ct_tensor *ct_copy(const ct_tensor *t) { return make([&] { return t->t.clone(); }); }
int ct_type(const ct_tensor *t) {
    for (int i = 0; i <= CT_F64; i++)
        if (types[i] == t->t.scalar_type()) return i;
    return -1;
}
int ct_device(const ct_tensor *t) { return t->t.is_cuda() ? t->t.get_device() : -1; }
int ct_dim(const ct_tensor *t) { return static_cast<int>(t->t.dim()); }
int64_t ct_size(const ct_tensor *t, int dimension) { return t->t.size(dimension); }
int64_t ct_count(const ct_tensor *t) { return t->t.numel(); }
bool ct_is_sparse(const ct_tensor *t) { return t->t.is_sparse(); }
bool ct_same(const ct_tensor *a, const ct_tensor *b) { return a->t.is_same(b->t); }
int ct_item(const ct_tensor *t, double *out) {
    return run([&] { *out = t->t.item().toDouble(); });
}
int ct_read(const ct_tensor *t, void *out, size_t bytes) {
    return run([&] {
        Tensor host = t->t.detach().to(at::kCPU).contiguous();
        TORCH_CHECK(host.nbytes() == bytes, "reading ", bytes, " bytes from a tensor of ", host.nbytes());
        if (bytes > 0) std::memcpy(out, host.data_ptr(), bytes);
    });
}

// MARK: random numbers

ct_generator *ct_generator_make(uint64_t seed, int device) {
    return guarded(static_cast<ct_generator *>(nullptr), [&] {
        at::Generator g = device < 0 ? at::detail::createCPUGenerator(seed) : at::globalContext().defaultGenerator(device_of(device)).clone();
        g.set_current_seed(seed);
        return new ct_generator{g};
    });
}
void ct_generator_free(ct_generator *g) { delete g; }
int ct_generator_seed(ct_generator *g, uint64_t seed) {
    return run([&] { g->g.set_current_seed(seed); });
}
ct_tensor *ct_generator_state(const ct_generator *g) { return make([&] { return g->g.get_state(); }); }
int ct_generator_set_state(ct_generator *g, const ct_tensor *state) {
    return run([&] { g->g.set_state(state->t); });
}
int ct_seed_default(uint64_t seed) {
    return run([&] { torch::manual_seed(seed); });
}
ct_tensor *ct_normal(const int64_t *shape, int n, double mean, double deviation, int device, ct_generator *g) {
    return make([&] { return at::empty(ints(shape, n), options(CT_F32, device)).normal_(mean, deviation, maybe(g)); });
}
ct_tensor *ct_uniform(const int64_t *shape, int n, double low, double high, int device, ct_generator *g) {
    return make([&] { return at::empty(ints(shape, n), options(CT_F32, device)).uniform_(low, high, maybe(g)); });
}
ct_tensor *ct_randint(const int64_t *shape, int n, int64_t low, int64_t high, int device, ct_generator *g) {
    return make([&] { return at::randint(low, high, ints(shape, n), maybe(g), options(CT_I64, device)); });
}
ct_tensor *ct_randperm(int64_t count, int device, ct_generator *g) {
    return make([&] { return at::randperm(count, maybe(g), options(CT_I64, device)); });
}
ct_tensor *ct_multinomial(const ct_tensor *weights, int64_t count, bool replacement, ct_generator *g) {
    return make([&] { return at::multinomial(weights->t, count, replacement, maybe(g)); });
}
ct_tensor *ct_normal_rows(const ct_tensor *keys, const int64_t *shape, int n, uint64_t stream) {
    return make([&] {
        Tensor host = keys->t.to(at::kCPU).contiguous();
        TORCH_CHECK(host.dim() == 1 && host.scalar_type() == at::kLong, "keys must be a 1-D int64 tensor, found ", host.sizes());
        std::vector<int64_t> full{host.size(0)};
        full.insert(full.end(), shape, shape + n);
        Tensor out = at::empty(full, at::kFloat);
        int64_t width = host.size(0) > 0 ? out.numel() / host.size(0) : 0;
        const int64_t *key = host.const_data_ptr<int64_t>();
        float *values = out.mutable_data_ptr<float>();
        at::parallel_for(0, host.size(0), std::max<int64_t>(1, 4096 / std::max<int64_t>(width, 1)), [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) {
                at::Philox4_32 engine(static_cast<uint64_t>(key[i]), stream, 0);
                // Box-Muller on pairs of 24-bit uniforms in (0, 1].
                for (int64_t j = 0; j < width; j += 2) {
                    float u = (static_cast<float>(engine() >> 8) + 1.0f) * 0x1p-24f, v = static_cast<float>(engine() >> 8) * 0x1p-24f;
                    float radius = std::sqrt(-2.0f * std::log(u)), angle = 6.283185307179586f * v;
                    values[i * width + j] = radius * std::cos(angle);
                    if (j + 1 < width) values[i * width + j + 1] = radius * std::sin(angle);
                }
            }
        });
        return out.to(keys->t.device());
    });
}

// MARK: element by element

ct_tensor *ct_unary(int op, const ct_tensor *x) {
    return make([&]() -> Tensor {
        const Tensor &t = x->t;
        switch (op) {
        case CT_NEG: return -t;
        case CT_ABS: return t.abs();
        case CT_EXP: return t.exp();
        case CT_LOG: return t.log();
        case CT_LOG1P: return t.log1p();
        case CT_LOG2: return t.log2();
        case CT_SQRT: return t.sqrt();
        case CT_RSQRT: return t.rsqrt();
        case CT_SQUARE: return t.square();
        case CT_RECIPROCAL: return t.reciprocal();
        case CT_SIN: return t.sin();
        case CT_COS: return t.cos();
        case CT_TANH: return t.tanh();
        case CT_SIGMOID: return t.sigmoid();
        case CT_LOGSIGMOID: return at::log_sigmoid(t);
        case CT_SOFTPLUS: return at::softplus(t);
        case CT_RELU: return t.relu();
        case CT_GELU: return at::gelu(t);
        case CT_SILU: return at::silu(t);
        case CT_FLOOR: return t.floor();
        case CT_SIGN: return t.sign();
        case CT_NOT: return t.logical_not();
        case CT_ISNAN: return t.isnan();
        }
        TORCH_CHECK(false, "unknown operation ", op);
    });
}
ct_tensor *ct_binary(int op, const ct_tensor *x, const ct_tensor *y) {
    return make([&]() -> Tensor {
        const Tensor &a = x->t, &b = y->t;
        switch (op) {
        case CT_ADD: return a + b;
        case CT_SUB: return a - b;
        case CT_MUL: return a * b;
        case CT_DIV: return a / b;
        case CT_POW: return a.pow(b);
        case CT_ATAN2: return at::atan2(a, b);
        case CT_MAXIMUM: return at::maximum(a, b);
        case CT_MINIMUM: return at::minimum(a, b);
        case CT_EQ: return a == b;
        case CT_NE: return a != b;
        case CT_LT: return a < b;
        case CT_LE: return a <= b;
        case CT_GT: return a > b;
        case CT_GE: return a >= b;
        case CT_AND: return a.logical_and(b);
        case CT_OR: return a.logical_or(b);
        }
        TORCH_CHECK(false, "unknown operation ", op);
    });
}
ct_tensor *ct_binary_scalar(int op, const ct_tensor *x, double value) {
    return make([&]() -> Tensor {
        const Tensor &a = x->t;
        Scalar b = number(a, value);
        switch (op) {
        case CT_ADD: return a + b;
        case CT_SUB: return a - b;
        case CT_MUL: return a * b;
        case CT_DIV: return a / b;
        case CT_POW: return a.pow(b);
        case CT_EQ: return a == b;
        case CT_NE: return a != b;
        case CT_LT: return a < b;
        case CT_LE: return a <= b;
        case CT_GT: return a > b;
        case CT_GE: return a >= b;
        case CT_RSUB: return at::rsub(a, b);
        case CT_RDIV: return a.reciprocal() * b;
        }
        TORCH_CHECK(false, "unknown operation ", op);
    });
}
ct_tensor *ct_where(const ct_tensor *condition, const ct_tensor *a, const ct_tensor *b) {
    return make([&] { return at::where(condition->t, a->t, b->t); });
}
ct_tensor *ct_masked_fill(const ct_tensor *t, const ct_tensor *mask, double value) {
    return make([&] { return t->t.masked_fill(mask->t, number(t->t, value)); });
}
ct_tensor *ct_clamp(const ct_tensor *t, double low, double high) {
    return make([&] {
        Tensor r = t->t;
        if (low != -INFINITY) r = r.clamp_min(number(r, low));
        if (high != INFINITY) r = r.clamp_max(number(r, high));
        return r;
    });
}
ct_tensor *ct_lerp(const ct_tensor *a, const ct_tensor *b, double weight) {
    return make([&] { return a->t.lerp(b->t, weight); });
}

// MARK: reductions

ct_tensor *ct_reduce(int op, const ct_tensor *x, const int64_t *dimensions, int n, bool keep) {
    return make([&]() -> Tensor {
        const Tensor &t = x->t;
        at::OptionalIntArrayRef over = some(dimensions, n);
        std::vector<int64_t> every(t.dim());
        std::iota(every.begin(), every.end(), 0);
        IntArrayRef given = n == 0 ? IntArrayRef(every) : ints(dimensions, n);
        switch (op) {
        case CT_SUM: return t.sum(over, keep);
        case CT_MEAN: return t.mean(over, keep);
        case CT_AMAX: return t.amax(given, keep);
        case CT_AMIN: return t.amin(given, keep);
        case CT_LOGSUMEXP: return t.logsumexp(given, keep);
        case CT_ANY: return t.any(over, keep);
        case CT_ALL: return t.all(over, keep);
        case CT_NORM2: return at::linalg_vector_norm(t, 2, over, keep);
        case CT_VAR: return t.var(over, 0, keep);
        case CT_STD: return t.std(over, 0, keep);
        }
        TORCH_CHECK(false, "unknown reduction ", op);
    });
}
ct_tensor *ct_arg(const ct_tensor *t, int64_t dimension, bool largest) {
    return make([&] { return largest ? t->t.argmax(dimension) : t->t.argmin(dimension); });
}
ct_tensor *ct_cumsum(const ct_tensor *t, int64_t dimension) { return make([&] { return t->t.cumsum(dimension); }); }
ct_tensor *ct_cumprod(const ct_tensor *t, int64_t dimension) { return make([&] { return t->t.cumprod(dimension); }); }
int ct_balanced_fork(const ct_tensor *x, ct_tensor **first, ct_tensor **second) {
    return run([&] {
        auto pair = BalancedFork::apply(x->t);
        *first = wrap(pair[0]);
        *second = wrap(pair[1]);
    });
}
int ct_topk(const ct_tensor *t, int64_t k, int64_t dimension, bool largest, ct_tensor **values, ct_tensor **indices) {
    return run([&] {
        auto [v, i] = t->t.topk(k, dimension, largest);
        *values = wrap(v);
        *indices = wrap(i);
    });
}
int ct_sort(const ct_tensor *t, int64_t dimension, bool descending, ct_tensor **values, ct_tensor **indices) {
    return run([&] {
        auto [v, i] = t->t.sort(/*stable=*/true, dimension, descending);
        *values = wrap(v);
        *indices = wrap(i);
    });
}
int ct_unique(const ct_tensor *t, ct_tensor **values, ct_tensor **inverse, ct_tensor **counts) {
    return run([&] {
        auto [v, i, c] = at::_unique2(t->t, true, true, true);
        *values = wrap(v);
        *inverse = wrap(i);
        *counts = wrap(c);
    });
}

// MARK: shape

ct_tensor *ct_reshape(const ct_tensor *t, const int64_t *shape, int n) { return make([&] { return t->t.reshape(ints(shape, n)); }); }
ct_tensor *ct_permute(const ct_tensor *t, const int64_t *order, int n) { return make([&] { return t->t.permute(ints(order, n)); }); }
ct_tensor *ct_transpose(const ct_tensor *t, int64_t a, int64_t b) { return make([&] { return t->t.transpose(a, b); }); }
ct_tensor *ct_unsqueeze(const ct_tensor *t, int64_t dimension) { return make([&] { return t->t.unsqueeze(dimension); }); }
ct_tensor *ct_squeeze(const ct_tensor *t, int64_t dimension) { return make([&] { return t->t.squeeze(dimension); }); }
ct_tensor *ct_slice(const ct_tensor *t, int64_t dimension, int64_t start, int64_t end, int64_t step) {
    return make([&] { return t->t.slice(dimension, start, end, step); });
}
ct_tensor *ct_select(const ct_tensor *t, int64_t dimension, int64_t index) { return make([&] { return t->t.select(dimension, index); }); }
ct_tensor *ct_expand(const ct_tensor *t, const int64_t *shape, int n) { return make([&] { return t->t.expand(ints(shape, n)); }); }
ct_tensor *ct_repeat(const ct_tensor *t, const int64_t *times, int n) { return make([&] { return t->t.repeat(ints(times, n)); }); }
ct_tensor *ct_repeat_interleave(const ct_tensor *t, const ct_tensor *times, int64_t dimension) {
    return make([&] { return t->t.repeat_interleave(times->t, dimension); });
}
ct_tensor *ct_flip(const ct_tensor *t, int64_t dimension) { return make([&] { return t->t.flip({dimension}); }); }
ct_tensor *ct_roll(const ct_tensor *t, int64_t shift, int64_t dimension) { return make([&] { return t->t.roll({shift}, {dimension}); }); }
int ct_unbind(const ct_tensor *t, int64_t dimension, ct_tensor **parts, int count) {
    return run([&] {
        auto found = t->t.unbind(dimension);
        TORCH_CHECK(static_cast<int>(found.size()) == count, "there are ", found.size(), " parts, not ", count);
        for (int i = 0; i < count; i++) parts[i] = wrap(found[i]);
    });
}
ct_tensor *ct_cat(ct_tensor *const *ts, int count, int64_t dimension) { return make([&] { return at::cat(list(ts, count), dimension); }); }
ct_tensor *ct_stack(ct_tensor *const *ts, int count, int64_t dimension) { return make([&] { return at::stack(list(ts, count), dimension); }); }
ct_tensor *ct_pad(const ct_tensor *t, const int64_t *widths, int n, double value) {
    return make([&] { return at::constant_pad_nd(t->t, ints(widths, n), number(t->t, value)); });
}
ct_tensor *ct_triangle(const ct_tensor *t, int64_t diagonal, bool upper) {
    return make([&] { return upper ? t->t.triu(diagonal) : t->t.tril(diagonal); });
}
ct_tensor *ct_contiguous(const ct_tensor *t) { return make([&] { return t->t.contiguous(); }); }

// MARK: indexing

ct_tensor *ct_index_select(const ct_tensor *t, int64_t dimension, const ct_tensor *index) {
    return make([&] { return t->t.index_select(dimension, index->t); });
}
ct_tensor *ct_gather(const ct_tensor *t, int64_t dimension, const ct_tensor *index) {
    return make([&] { return t->t.gather(dimension, index->t); });
}
ct_tensor *ct_scatter(const ct_tensor *t, int64_t dimension, const ct_tensor *index, const ct_tensor *source, bool add) {
    return make([&] { return add ? t->t.scatter_add(dimension, index->t, source->t) : t->t.scatter(dimension, index->t, source->t); });
}
ct_tensor *ct_index_add(const ct_tensor *t, int64_t dimension, const ct_tensor *index, const ct_tensor *source) {
    return make([&] { return t->t.index_add(dimension, index->t, source->t); });
}
ct_tensor *ct_index_put(const ct_tensor *t, ct_tensor *const *indices, int count, const ct_tensor *v, bool add) {
    return make([&] {
        c10::List<std::optional<Tensor>> at_;
        for (auto &i : list(indices, count)) at_.push_back(i);
        return t->t.index_put(at_, v->t, add);
    });
}
ct_tensor *ct_masked_select(const ct_tensor *t, const ct_tensor *mask) { return make([&] { return t->t.masked_select(mask->t); }); }
ct_tensor *ct_nonzero(const ct_tensor *t) { return make([&] { return t->t.nonzero(); }); }
ct_tensor *ct_one_hot(const ct_tensor *t, int64_t classes) { return make([&] { return at::one_hot(t->t, classes); }); }
ct_tensor *ct_embedding(const ct_tensor *weight, const ct_tensor *index, bool sparse) {
    return make([&] { return at::embedding(weight->t, index->t, -1, false, sparse); });
}
ct_tensor *ct_embeddings(ct_tensor *const *weights, ct_tensor *const *indices, int count, bool sparse) {
    return make([&] {
        auto tables = list(weights, count);
        return SideBySide::apply(at::TensorList(tables), list(indices, count), sparse);
    });
}

// MARK: linear algebra and layers

ct_tensor *ct_matmul(const ct_tensor *a, const ct_tensor *b) { return make([&] { return at::matmul(a->t, b->t); }); }
ct_tensor *ct_linear(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias) {
    return make([&] { return at::linear(x->t, weight->t, maybe(bias)); });
}
ct_tensor *ct_layer_norm(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, double epsilon) {
    return make([&] { return at::layer_norm(x->t, {x->t.size(-1)}, maybe(weight), maybe(bias), epsilon); });
}
ct_tensor *ct_batch_norm(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, ct_tensor *mean, ct_tensor *variance, bool training, double momentum, double epsilon) {
    return make([&] {
        return at::batch_norm(x->t, maybe(weight), maybe(bias), mean->t, variance->t, training, momentum, epsilon, true);
    });
}
ct_tensor *ct_group_norm(const ct_tensor *x, int64_t groups, const ct_tensor *w, const ct_tensor *b, double epsilon) {
    return make([&] { return at::group_norm(x->t, groups, maybe(w), maybe(b), epsilon); });
}
ct_tensor *ct_conv1d(const ct_tensor *x, const ct_tensor *w, const ct_tensor *b, int64_t stride, int64_t pad, int64_t dilation, int64_t groups) {
    return make([&] { return at::conv1d(x->t, w->t, maybe(b), {stride}, at::IntArrayRef{pad}, {dilation}, groups); });
}
ct_tensor *ct_conv_transpose1d(const ct_tensor *x, const ct_tensor *w, const ct_tensor *b, int64_t stride, int64_t pad) {
    return make([&] { return at::conv_transpose1d(x->t, w->t, maybe(b), {stride}, {pad}); });
}
ct_tensor *ct_avg_pool1d(const ct_tensor *x, int64_t size) { return make([&] { return at::avg_pool1d(x->t, {size}); }); }
ct_tensor *ct_max_pool1d(const ct_tensor *x, int64_t size) { return make([&] { return at::max_pool1d(x->t, {size}); }); }
ct_tensor *ct_upsample1d(const ct_tensor *x, int64_t factor) {
    return make([&] { return at::upsample_nearest1d(x->t, {x->t.size(-1) * factor}); });
}
ct_tensor *ct_dropout(const ct_tensor *x, double rate) {
    return make([&] {
        TORCH_CHECK(rate >= 0 && rate < 1, "the probability must lie in 0..<1, found ", rate);
        bool plain = x->t.is_cuda() || x->t.scalar_type() != at::kFloat;
        return plain ? at::dropout(x->t, rate, true) : BlockDropout::apply(x->t, rate);
    });
}
ct_tensor *ct_softmax(const ct_tensor *x, int64_t dimension, bool log) {
    return make([&] { return log ? at::log_softmax(x->t, dimension) : at::softmax(x->t, dimension); });
}
ct_tensor *ct_attention(const ct_tensor *q, const ct_tensor *k, const ct_tensor *v, const ct_tensor *mask, double dropout, bool causal) {
    return make([&] { return at::scaled_dot_product_attention(q->t, k->t, v->t, maybe(mask), dropout, causal); });
}
ct_tensor *ct_prelu(const ct_tensor *x, const ct_tensor *slope) { return make([&] { return at::prelu(x->t, slope->t); }); }
ct_tensor *ct_pair_scores(const ct_tensor *products, const ct_tensor *fixed, const ct_tensor *slope, const ct_tensor *weight) {
    return make([&] {
        const Tensor &p = products->t, &f = fixed->t;
        TORCH_CHECK(p.dim() == 4 && f.dim() == 3 && f.size(0) == p.size(0) && f.size(1) == p.size(2) && f.size(2) == p.size(3) &&
                        slope->t.sizes() == weight->t.sizes() && slope->t.dim() == 1 && slope->t.numel() == p.size(3),
                    "products [B, L, C, U], fixed [B, C, U], slope [U] and weight [U] are needed");
        if (p.is_cpu() && p.scalar_type() == at::kFloat)
            return PairScores::apply(p.contiguous(), f.contiguous(), slope->t.contiguous(), weight->t.contiguous());
        Tensor states = (p + f.unsqueeze(1)).reshape({-1, p.size(3)});
        return at::prelu(states, slope->t).mv(weight->t).view({p.size(0), p.size(1), p.size(2)}).transpose(1, 2).contiguous();
    });
}
ct_tensor *ct_scaled_weights(const ct_tensor *base, const ct_tensor *product, const ct_tensor *x) {
    return make([&] {
        const Tensor &b = base->t, &p = product->t, &t = x->t;
        TORCH_CHECK(b.dim() == 2 && p.sizes() == b.sizes() && t.dim() == 2 && t.size(1) == b.size(1),
                    "base and product [U, D] and x [N, D] are needed");
        if (t.is_cpu() && t.scalar_type() == at::kFloat) return ScaledWeights::apply(b.contiguous(), p.contiguous(), t.contiguous());
        return b + p * t.unsqueeze(1);
    });
}
ct_tensor *ct_selective_scan(const ct_tensor *u, const ct_tensor *delta, const ct_tensor *decay, const ct_tensor *b, const ct_tensor *c) {
    return make([&] {
        const Tensor &x = u->t, &d = delta->t, &a = decay->t, &in = b->t, &out = c->t;
        TORCH_CHECK(x.dim() == 4 && d.sizes() == x.sizes() && a.dim() == 3 && a.size(0) == x.size(1) && a.size(2) == x.size(3) &&
                        in.dim() == 4 && in.sizes().slice(0, 3) == x.sizes().slice(0, 3) && in.size(3) == a.size(1) && out.sizes() == in.sizes(),
                    "u and steps [L, K, B, E], decay [K, N, E], input and output [L, K, B, N] are needed");
        if (x.is_cpu() && x.scalar_type() == at::kFloat)
            return SelectiveScan::apply(x.contiguous(), d.contiguous(), a.contiguous(), in.contiguous(), out.contiguous());
        return SelectiveScan::composed(x, d, a, in, out);
    });
}
ct_tensor *ct_cross_entropy(const ct_tensor *logits, const ct_tensor *targets) {
    return make([&] { return at::cross_entropy_loss(logits->t, targets->t); });
}
ct_tensor *ct_bce_with_logits(const ct_tensor *logits, const ct_tensor *labels) {
    return make([&] { return at::binary_cross_entropy_with_logits(logits->t, labels->t); });
}
ct_tensor *ct_solve_positive_definite(const ct_tensor *matrices, const ct_tensor *sides) {
    return make([&] { return at::cholesky_solve(sides->t, at::linalg_cholesky(matrices->t)); });
}
ct_tensor *ct_mse(const ct_tensor *a, const ct_tensor *b) { return make([&] { return at::mse_loss(a->t, b->t); }); }

// MARK: automatic differentiation

bool ct_set_grad_enabled(bool enabled) {
    bool before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(enabled);
    return before;
}
bool ct_requires_grad(const ct_tensor *t) { return t->t.requires_grad(); }
int ct_set_requires_grad(ct_tensor *t, bool value) {
    return run([&] { t->t.set_requires_grad(value); });
}
ct_tensor *ct_detach(const ct_tensor *t) { return make([&] { return t->t.detach(); }); }
int ct_backward(const ct_tensor *t) {
    return run([&] { t->t.backward(); });
}
int ct_grad(const ct_tensor *t, ct_tensor **out) {
    return run([&] {
        Tensor g = t->t.grad();
        *out = g.defined() ? wrap(g) : nullptr;
    });
}
int ct_set_grad(ct_tensor *t, const ct_tensor *gradient) {
    return run([&] { t->t.mutable_grad() = gradient ? gradient->t : Tensor(); });
}
ct_tensor *ct_with_gradients(double value, ct_tensor *const *inputs, ct_tensor *const *gradients, int count) {
    return make([&] {
        auto from = list(inputs, count);
        return KnownGradients::apply(value, at::TensorList(from), list(gradients, count));
    });
}

// MARK: in place

int ct_assign(ct_tensor *t, const ct_tensor *source) {
    return run([&] {
        at::NoGradGuard guard;
        TORCH_CHECK(t->t.sizes() == source->t.sizes(), "cannot assign ", source->t.sizes(), " to ", t->t.sizes());
        t->t.copy_(source->t);
    });
}
int ct_fill(ct_tensor *t, double value) {
    return run([&] { at::NoGradGuard guard; t->t.fill_(number(t->t, value)); });
}
int ct_add_in_place(ct_tensor *t, const ct_tensor *other, double scale) {
    return run([&] { at::NoGradGuard guard; t->t.add_(other->t, number(t->t, scale)); });
}
int ct_scale_in_place(ct_tensor *t, double factor) {
    return run([&] { at::NoGradGuard guard; t->t.mul_(number(t->t, factor)); });
}
int ct_lerp_in_place(ct_tensor *t, const ct_tensor *other, double weight) {
    return run([&] { at::NoGradGuard guard; t->t.lerp_(other->t, weight); });
}
int ct_addmm_in_place(ct_tensor *t, const ct_tensor *a, const ct_tensor *b) {
    return run([&] { at::NoGradGuard guard; t->t.addmm_(a->t, b->t); });
}
int ct_exp_in_place(ct_tensor *t) {
    return run([&] { at::NoGradGuard guard; t->t.exp_(); });
}
// The factor is the only further memory: the inverse, being symmetric, is written over the matrix in column-major order.
int ct_invert_positive_definite(ct_tensor *t) {
    return run([&] {
        at::NoGradGuard guard;
        TORCH_CHECK(t->t.dim() == 2 && t->t.size(0) == t->t.size(1), "expected a square matrix");
        Tensor factor = at::linalg_cholesky(t->t);
        Tensor inverse = t->t.t();
        at::cholesky_inverse_out(inverse, factor);
    });
}
int ct_scatter_add_in_place(ct_tensor *t, int64_t dimension, const ct_tensor *index, double value) {
    return run([&] {
        at::NoGradGuard guard;
        t->t.scatter_add_(dimension, index->t, at::full({1}, value, t->t.options()).expand(index->t.sizes()));
    });
}
int ct_masked_fill_in_place(ct_tensor *t, const ct_tensor *mask, double value) {
    return run([&] { at::NoGradGuard guard; t->t.masked_fill_(mask->t, number(t->t, value)); });
}
int ct_index_fill_pairs(ct_tensor *t, const ct_tensor *rows, const ct_tensor *columns, double value) {
    return run([&] {
        at::NoGradGuard guard;
        t->t.index_put_({rows->t, columns->t}, at::full({}, value, t->t.options()));
    });
}

// MARK: optimizers

int ct_global_norm(ct_tensor *const *ts, int count, double *norm) {
    return run([&] {
        at::NoGradGuard guard;
        double total = 0;
        for (auto &t : list(ts, count)) {
            Tensor values = t.is_sparse() ? t.coalesce().values() : t;
            double one = at::linalg_vector_norm(values).item().toDouble();
            total += one * one;
        }
        *norm = std::sqrt(total);
    });
}
int ct_scale_all(ct_tensor *const *ts, int count, double factor) {
    return run([&] {
        at::NoGradGuard guard;
        for (auto &t : list(ts, count)) (t.is_sparse() ? t._values() : t).mul_(factor);
    });
}
int ct_adam(ct_tensor *const *weights, ct_tensor *const *gradients, ct_tensor *const *means, ct_tensor *const *squares, int count,
            int64_t step, double rate, double beta1, double beta2, double epsilon, double decay, bool decoupled) {
    return run([&] {
        at::NoGradGuard guard;
        auto w = list(weights, count), g = list(gradients, count), m = list(means, count), v = list(squares, count);
        std::vector<Tensor> steps;
        for (auto &x : w) steps.push_back(at::full({}, static_cast<double>(step), x.options().dtype(at::kFloat)));
        if (decoupled)
            at::_fused_adamw_(w, g, m, v, {}, steps, rate, beta1, beta2, decay, epsilon, false, false);
        else
            at::_fused_adam_(w, g, m, v, {}, steps, rate, beta1, beta2, decay, epsilon, false, false);
    });
}
// A row-sparse gradient's rows, each once, and their sums.
static std::pair<Tensor, Tensor> summed_rows(const Tensor &weight, const Tensor &g) {
    TORCH_CHECK(g.is_sparse() && g.sparse_dim() == 1 && g.sizes() == weight.sizes(), "a row-sparse gradient of shape ",
                weight.sizes(), " is needed, found ", g.sizes());
    Tensor sum = g.coalesce();
    return {sum.indices()[0], sum.values()};
}
int ct_adagrad_rows(ct_tensor *weight, const ct_tensor *gradient, ct_tensor *sum, double rate, double epsilon) {
    return run([&] {
        at::NoGradGuard guard;
        auto [rows, values] = summed_rows(weight->t, gradient->t);
        Tensor s = sum->t.index_select(0, rows).addcmul_(values, values);
        sum->t.index_copy_(0, rows, s);
        weight->t.index_add_(0, rows, values / (s.sqrt() + epsilon), -rate);
    });
}
int ct_sgd_rows(ct_tensor *weight, const ct_tensor *gradient, double rate) {
    return run([&] {
        at::NoGradGuard guard;
        auto [rows, values] = summed_rows(weight->t, gradient->t);
        weight->t.index_add_(0, rows, values, -rate);
    });
}
int ct_adam_rows(ct_tensor *weight, const ct_tensor *gradient, ct_tensor *mean, ct_tensor *square, int64_t step, double rate,
                 double beta1, double beta2, double epsilon) {
    return run([&] {
        at::NoGradGuard guard;
        const Tensor &g = gradient->t;
        TORCH_CHECK(g.is_sparse() && g.sparse_dim() == 1 && g.sizes() == weight->t.sizes(), "a row-sparse gradient of shape ",
                    weight->t.sizes(), " is needed, found ", g.sizes());
        double correction = std::sqrt(1 - std::pow(beta2, step)), size = rate / (1 - std::pow(beta1, step));
        if (weight->t.is_cuda()) {
            Tensor sum = g.coalesce(), rows = sum._indices()[0], values = sum._values();
            Tensor m = mean->t.index_select(0, rows).lerp_(values, 1 - beta1);
            Tensor v = square->t.index_select(0, rows).mul_(beta2).addcmul_(values, values, 1 - beta2);
            mean->t.index_copy_(0, rows, m);
            square->t.index_copy_(0, rows, v);
            weight->t.index_add_(0, rows, m / (v.sqrt() / correction + epsilon), -size);
            return;
        }
        Tensor ids = g._indices()[0].contiguous(), values = g._values().contiguous();
        TORCH_CHECK(weight->t.is_contiguous() && values.scalar_type() == at::kFloat, "float32 rows are needed");
        int64_t n = ids.numel(), width = n > 0 ? values.numel() / n : 0;
        const int64_t *id = ids.const_data_ptr<int64_t>();
        const float *rows = values.const_data_ptr<float>();
        std::vector<int64_t> order = order_by(id, n);
        std::vector<int64_t> starts;  // of each run of one id
        for (int64_t i = 0; i < n; i++)
            if (i == 0 || id[order[i]] != id[order[i - 1]]) starts.push_back(i);
        starts.push_back(n);
        float *w = weight->t.mutable_data_ptr<float>(), *m = mean->t.mutable_data_ptr<float>(), *v = square->t.mutable_data_ptr<float>();
        AdamRow rule{static_cast<float>(1 - beta1), static_cast<float>(beta2), static_cast<float>(1 - beta2),
                     static_cast<float>(size), static_cast<float>(1 / correction), static_cast<float>(epsilon)};
        at::parallel_for(0, static_cast<int64_t>(starts.size()) - 1, 256, [&](int64_t begin, int64_t end) {
            std::vector<float> sum(width);
            for (int64_t s = begin; s < end; s++) {
                if (s + 2 < end) {  // rows lie anywhere in the tables: ask for them before they are needed
                    int64_t place = order[starts[s + 2]], base = id[place] * width;
                    for (const float *row : {rows + place * width, static_cast<const float *>(w + base)}) prefetch(row, width);
                    for (const float *row : {m + base, v + base}) prefetch(row, width);
                }
                const float *row = rows + order[starts[s]] * width;
                if (starts[s + 1] - starts[s] > 1) {
                    std::copy(row, row + width, sum.begin());
                    for (int64_t i = starts[s] + 1; i < starts[s + 1]; i++)
                        for (int64_t j = 0; j < width; j++) sum[j] += rows[order[i] * width + j];
                    row = sum.data();
                }
                int64_t base = id[order[starts[s]]] * width;
                adam_row(rule, width, row, w + base, m + base, v + base);
            }
        });
    });
}

}  // extern "C"
