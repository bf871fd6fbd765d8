// Part of Cascade. SPDX-License-Identifier: Apache-2.0
//
// A C face for the part of libtorch that Cascade uses.
//
// Every function that can fail returns NULL (handles) or a non-zero status, and leaves a message that
// ct_last_error() returns on the same thread. No C++ exception ever leaves this library. Handles are owned by the
// caller and freed with ct_free / ct_generator_free. Memory borrowed from the caller is copied before returning.
#ifndef CTORCH_H
#define CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_tensor ct_tensor;
typedef struct ct_generator ct_generator;

// Element types; the numbers are this library's own.
enum { CT_BOOL, CT_U8, CT_I8, CT_I16, CT_I32, CT_I64, CT_F16, CT_BF16, CT_F32, CT_F64 };
// Devices: -1 is the CPU, n >= 0 is CUDA device n.

const char *ct_last_error(void);
const char *ct_version(void);
int64_t ct_live_handles(void);
int ct_cuda_count(void);
void ct_set_threads(int count);
int ct_threads(void);
// Up to so many bytes; -1 is all of it.
void ct_keep_freed_memory(int bytes);
int ct_synchronize(int device);

// Creation and access.
void ct_free(ct_tensor *t);
ct_tensor *ct_from_data(const void *data, int type, const int64_t *shape, int n);
ct_tensor *ct_full(const int64_t *shape, int n, double value, int type, int device);
ct_tensor *ct_arange(int64_t start, int64_t end, int type, int device);
ct_tensor *ct_to(const ct_tensor *t, int type, int device);
ct_tensor *ct_copy(const ct_tensor *t);
int ct_type(const ct_tensor *t);
int ct_device(const ct_tensor *t);
int ct_dim(const ct_tensor *t);
int64_t ct_size(const ct_tensor *t, int dimension);
int64_t ct_count(const ct_tensor *t);
bool ct_is_sparse(const ct_tensor *t);
bool ct_same(const ct_tensor *a, const ct_tensor *b);
int ct_item(const ct_tensor *t, double *out);
int ct_read(const ct_tensor *t, void *out, size_t bytes);

// Random numbers.
ct_generator *ct_generator_make(uint64_t seed, int device);
void ct_generator_free(ct_generator *g);
int ct_generator_seed(ct_generator *g, uint64_t seed);
ct_tensor *ct_generator_state(const ct_generator *g);
int ct_generator_set_state(ct_generator *g, const ct_tensor *state);
int ct_seed_default(uint64_t seed);
ct_tensor *ct_normal(const int64_t *shape, int n, double mean, double deviation, int device, ct_generator *g);
ct_tensor *ct_uniform(const int64_t *shape, int n, double low, double high, int device, ct_generator *g);
ct_tensor *ct_randint(const int64_t *shape, int n, int64_t low, int64_t high, int device, ct_generator *g);
ct_tensor *ct_randperm(int64_t count, int device, ct_generator *g);
ct_tensor *ct_multinomial(const ct_tensor *weights, int64_t count, bool replacement, ct_generator *g);
// Standard normal numbers whose row i depends on (keys[i], stream) alone: [rows] int64 -> [rows, shape...] float32.
ct_tensor *ct_normal_rows(const ct_tensor *keys, const int64_t *shape, int n, uint64_t stream);

// Element by element.
enum {
    CT_NEG, CT_ABS, CT_EXP, CT_LOG, CT_LOG1P, CT_LOG2, CT_SQRT, CT_RSQRT, CT_SQUARE, CT_RECIPROCAL, CT_SIN, CT_COS,
    CT_TANH, CT_SIGMOID, CT_LOGSIGMOID, CT_SOFTPLUS, CT_RELU, CT_GELU, CT_SILU, CT_FLOOR, CT_SIGN, CT_NOT, CT_ISNAN
};
enum {
    CT_ADD, CT_SUB, CT_MUL, CT_DIV, CT_POW, CT_MAXIMUM, CT_MINIMUM, CT_EQ, CT_NE, CT_LT, CT_LE, CT_GT, CT_GE, CT_AND,
    CT_OR, CT_RSUB, CT_RDIV, CT_ATAN2
};
ct_tensor *ct_unary(int op, const ct_tensor *t);
ct_tensor *ct_binary(int op, const ct_tensor *a, const ct_tensor *b);
ct_tensor *ct_binary_scalar(int op, const ct_tensor *a, double b);
ct_tensor *ct_where(const ct_tensor *condition, const ct_tensor *a, const ct_tensor *b);
ct_tensor *ct_masked_fill(const ct_tensor *t, const ct_tensor *mask, double value);
ct_tensor *ct_clamp(const ct_tensor *t, double low, double high);
ct_tensor *ct_lerp(const ct_tensor *a, const ct_tensor *b, double weight);

// Reductions over the given dimensions; n = 0 reduces everything.
enum { CT_SUM, CT_MEAN, CT_AMAX, CT_AMIN, CT_LOGSUMEXP, CT_ANY, CT_ALL, CT_NORM2, CT_VAR, CT_STD };
ct_tensor *ct_reduce(int op, const ct_tensor *t, const int64_t *dimensions, int n, bool keep);
ct_tensor *ct_arg(const ct_tensor *t, int64_t dimension, bool largest);
ct_tensor *ct_cumsum(const ct_tensor *t, int64_t dimension);
ct_tensor *ct_cumprod(const ct_tensor *t, int64_t dimension);
int ct_balanced_fork(const ct_tensor *x, ct_tensor **first, ct_tensor **second);
int ct_topk(const ct_tensor *t, int64_t k, int64_t dimension, bool largest, ct_tensor **values, ct_tensor **indices);
int ct_sort(const ct_tensor *t, int64_t dimension, bool descending, ct_tensor **values, ct_tensor **indices);
int ct_unique(const ct_tensor *t, ct_tensor **values, ct_tensor **inverse, ct_tensor **counts);

// Shape.
ct_tensor *ct_reshape(const ct_tensor *t, const int64_t *shape, int n);
ct_tensor *ct_permute(const ct_tensor *t, const int64_t *order, int n);
ct_tensor *ct_transpose(const ct_tensor *t, int64_t a, int64_t b);
ct_tensor *ct_unsqueeze(const ct_tensor *t, int64_t dimension);
ct_tensor *ct_squeeze(const ct_tensor *t, int64_t dimension);
ct_tensor *ct_slice(const ct_tensor *t, int64_t dimension, int64_t start, int64_t end, int64_t step);
ct_tensor *ct_select(const ct_tensor *t, int64_t dimension, int64_t index);
ct_tensor *ct_expand(const ct_tensor *t, const int64_t *shape, int n);
ct_tensor *ct_repeat(const ct_tensor *t, const int64_t *times, int n);
ct_tensor *ct_repeat_interleave(const ct_tensor *t, const ct_tensor *times, int64_t dimension);
ct_tensor *ct_flip(const ct_tensor *t, int64_t dimension);
ct_tensor *ct_roll(const ct_tensor *t, int64_t shift, int64_t dimension);
int ct_unbind(const ct_tensor *t, int64_t dimension, ct_tensor **parts, int count);
ct_tensor *ct_cat(ct_tensor *const *ts, int count, int64_t dimension);
ct_tensor *ct_stack(ct_tensor *const *ts, int count, int64_t dimension);
ct_tensor *ct_pad(const ct_tensor *t, const int64_t *widths, int n, double value);
ct_tensor *ct_triangle(const ct_tensor *t, int64_t diagonal, bool upper);
ct_tensor *ct_contiguous(const ct_tensor *t);

// Indexing.
ct_tensor *ct_index_select(const ct_tensor *t, int64_t dimension, const ct_tensor *index);
ct_tensor *ct_gather(const ct_tensor *t, int64_t dimension, const ct_tensor *index);
ct_tensor *ct_scatter(const ct_tensor *t, int64_t dimension, const ct_tensor *index, const ct_tensor *source, bool add);
ct_tensor *ct_index_add(const ct_tensor *t, int64_t dimension, const ct_tensor *index, const ct_tensor *source);
ct_tensor *ct_index_put(const ct_tensor *t, ct_tensor *const *indices, int count, const ct_tensor *v, bool add);
ct_tensor *ct_masked_select(const ct_tensor *t, const ct_tensor *mask);
ct_tensor *ct_nonzero(const ct_tensor *t);
ct_tensor *ct_one_hot(const ct_tensor *t, int64_t classes);
ct_tensor *ct_embedding(const ct_tensor *weight, const ct_tensor *index, bool sparse);
ct_tensor *ct_embeddings(ct_tensor *const *weights, ct_tensor *const *indices, int count, bool sparse);  // side by side

// Linear algebra and layers. A NULL weight, bias or mask is "none".
ct_tensor *ct_matmul(const ct_tensor *a, const ct_tensor *b);
ct_tensor *ct_linear(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias);
ct_tensor *ct_layer_norm(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, double epsilon);
ct_tensor *ct_batch_norm(const ct_tensor *x, const ct_tensor *weight, const ct_tensor *bias, ct_tensor *mean, ct_tensor *variance, bool training, double momentum, double epsilon);
ct_tensor *ct_group_norm(const ct_tensor *x, int64_t groups, const ct_tensor *w, const ct_tensor *b, double epsilon);
ct_tensor *ct_conv1d(const ct_tensor *x, const ct_tensor *w, const ct_tensor *b, int64_t stride, int64_t pad, int64_t dilation, int64_t groups);
ct_tensor *ct_conv_transpose1d(const ct_tensor *x, const ct_tensor *w, const ct_tensor *b, int64_t stride, int64_t pad);
ct_tensor *ct_avg_pool1d(const ct_tensor *x, int64_t size);
ct_tensor *ct_max_pool1d(const ct_tensor *x, int64_t size);
ct_tensor *ct_upsample1d(const ct_tensor *x, int64_t factor);
ct_tensor *ct_dropout(const ct_tensor *x, double rate);
ct_tensor *ct_softmax(const ct_tensor *x, int64_t dimension, bool log);
ct_tensor *ct_attention(const ct_tensor *q, const ct_tensor *k, const ct_tensor *v, const ct_tensor *mask, double dropout, bool causal);
ct_tensor *ct_prelu(const ct_tensor *x, const ct_tensor *slope);
ct_tensor *ct_scaled_weights(const ct_tensor *base, const ct_tensor *product, const ct_tensor *x);
ct_tensor *ct_selective_scan(const ct_tensor *u, const ct_tensor *delta, const ct_tensor *decay, const ct_tensor *b, const ct_tensor *c);
ct_tensor *ct_pair_scores(const ct_tensor *products, const ct_tensor *fixed, const ct_tensor *slope, const ct_tensor *weight);
ct_tensor *ct_cross_entropy(const ct_tensor *logits, const ct_tensor *targets);
ct_tensor *ct_bce_with_logits(const ct_tensor *logits, const ct_tensor *labels);
// The solutions [..., D, K] of symmetric positive definite systems [..., D, D], by Cholesky factors.
ct_tensor *ct_solve_positive_definite(const ct_tensor *matrices, const ct_tensor *sides);
ct_tensor *ct_mse(const ct_tensor *a, const ct_tensor *b);

// Automatic differentiation.
bool ct_set_grad_enabled(bool enabled);  // returns the previous value, for this thread
bool ct_requires_grad(const ct_tensor *t);
int ct_set_requires_grad(ct_tensor *t, bool value);
ct_tensor *ct_detach(const ct_tensor *t);
int ct_backward(const ct_tensor *t);
int ct_grad(const ct_tensor *t, ct_tensor **out);  // *out is NULL when there is no gradient
int ct_set_grad(ct_tensor *t, const ct_tensor *gradient);  // NULL clears it
// A scalar of the given value whose gradient with respect to inputs[i] is gradients[i].
ct_tensor *ct_with_gradients(double value, ct_tensor *const *inputs, ct_tensor *const *gradients, int count);

// In place; for optimizers and buffers. These never record a graph.
int ct_assign(ct_tensor *t, const ct_tensor *source);
int ct_fill(ct_tensor *t, double value);
int ct_add_in_place(ct_tensor *t, const ct_tensor *other, double scale);
int ct_scale_in_place(ct_tensor *t, double factor);
int ct_lerp_in_place(ct_tensor *t, const ct_tensor *other, double weight);
int ct_addmm_in_place(ct_tensor *t, const ct_tensor *a, const ct_tensor *b);
int ct_exp_in_place(ct_tensor *t);
int ct_invert_positive_definite(ct_tensor *t);
int ct_scatter_add_in_place(ct_tensor *t, int64_t dimension, const ct_tensor *index, double value);
int ct_masked_fill_in_place(ct_tensor *t, const ct_tensor *mask, double value);
int ct_index_fill_pairs(ct_tensor *t, const ct_tensor *rows, const ct_tensor *columns, double value);

// Optimizers.
int ct_global_norm(ct_tensor *const *ts, int count, double *norm);  // dense or sparse
int ct_scale_all(ct_tensor *const *ts, int count, double factor);
int ct_adam(ct_tensor *const *weights, ct_tensor *const *gradients, ct_tensor *const *means, ct_tensor *const *squares, int count,
            int64_t step, double rate, double beta1, double beta2, double epsilon, double decay, bool decoupled);
// Updates only the rows of weight that a sparse gradient names; duplicates are summed in a fixed order.
int ct_adam_rows(ct_tensor *weight, const ct_tensor *gradient, ct_tensor *mean, ct_tensor *square, int64_t step, double rate,
                 double beta1, double beta2, double epsilon);
int ct_adagrad_rows(ct_tensor *weight, const ct_tensor *gradient, ct_tensor *sum, double rate, double epsilon);
int ct_sgd_rows(ct_tensor *weight, const ct_tensor *gradient, double rate);

#ifdef __cplusplus
}
#endif
#endif
