// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// Functions with gradients of their own, and the loops that libtorch has no kernel for. For CTorch.cpp alone.
#pragma once

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

namespace {

using at::Tensor;

// The inputs come as a TensorList, which libtorch records; the gradients as a vector, which it leaves alone.
struct KnownGradients : public torch::autograd::Function<KnownGradients> {
    static Tensor forward(torch::autograd::AutogradContext *context, double value, at::TensorList inputs, const std::vector<Tensor> &gradients) {
        context->save_for_backward(gradients);
        return at::full({}, value, inputs[0].options());
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        torch::autograd::variable_list result{Tensor()};  // for value
        for (auto &g : context->get_saved_variables()) result.push_back(g * upstream[0]);
        result.emplace_back();  // for gradients
        return result;
    }
};

// Two copies of one tensor; the gradient of the first is scaled to the norm of the second's before both go back.
struct BalancedFork : public torch::autograd::Function<BalancedFork> {
    static torch::autograd::variable_list forward(torch::autograd::AutogradContext *, const Tensor &x) {
        return {x.clone(), x.clone()};
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *, const torch::autograd::variable_list &upstream) {
        const Tensor &first = upstream[0], &second = upstream[1];
        if (!first.defined() || !second.defined()) return {first.defined() ? first : second};
        Tensor scale = second.norm() / first.norm().clamp_min(1e-30);
        return {first * scale + second};
    }
};

// The places of numbers from 0, by number and among equals by place: a radix sort, eleven bits a pass.
std::vector<int64_t> order_by(const int64_t *number, int64_t n) {
    std::vector<int64_t> order(n), next(n);
    std::iota(order.begin(), order.end(), 0);
    int64_t largest = n > 0 ? *std::max_element(number, number + n) : 0;
    for (int shift = 0; largest >> shift; shift += 11) {
        int64_t starts[2049] = {0};
        for (int64_t i = 0; i < n; i++) starts[((number[i] >> shift) & 2047) + 1]++;
        for (int digit = 1; digit <= 2048; digit++) starts[digit] += starts[digit - 1];
        for (int64_t i = 0; i < n; i++) next[starts[(number[order[i]] >> shift) & 2047]++] = order[i];
        order.swap(next);
    }
    return order;
}

// For loops that the compiler turns into vector instructions: for the widest registers of the machine, none of which fuse a product
// with a sum, so that results are the same.
#if defined(__x86_64__) && defined(__ELF__)
#define WIDE_REGISTERS __attribute__((target_clones("avx2", "default")))
#else
#define WIDE_REGISTERS
#endif

// Asks for floats that will be read soon.
inline void prefetch(const float *row, int64_t width) {
    for (int64_t j = 0; j < width; j += 16) __builtin_prefetch(row + j);  // 64 bytes, a cache line
}

// One row's step of Adam. The roots are the built-in ones, which never set errno: the loop can become vector instructions.
struct AdamRow {
    float mean, keep, square, size, correction, epsilon;
};

WIDE_REGISTERS void adam_row(const AdamRow &rule, int64_t width, const float *__restrict gradient, float *__restrict w, float *__restrict m,
              float *__restrict v) {
    for (int64_t j = 0; j < width; j++) {
        float g = gradient[j];
        m[j] += rule.mean * (g - m[j]);
        v[j] = rule.keep * v[j] + rule.square * g * g;
        w[j] -= rule.size * m[j] / (__builtin_elementwise_sqrt(v[j]) * rule.correction + rule.epsilon);
    }
}

// A small network's last two layers over every pair of a behavior and a candidate, whose hidden states (the pair's product
// plus what the candidate alone decides) are read once forward and once backward and never stored:
// scores[b, c, l] = sum over u of weight[u] prelu(products[b, l, c, u] + fixed[b, c, u]; slope[u]).
struct PairScores : public torch::autograd::Function<PairScores> {
    struct Sizes {
        int64_t behaviors, candidates, units;
    };

    WIDE_REGISTERS static void scores(Sizes n, const float *__restrict products, const float *__restrict fixed, const float *__restrict slope,
                                      const float *__restrict weight, float *__restrict to) {
        for (int64_t l = 0; l < n.behaviors; l++)
            for (int64_t c = 0; c < n.candidates; c++) {
                const float *p = products + (l * n.candidates + c) * n.units, *f = fixed + c * n.units;
                float lanes[8] = {0};  // sums of their own, so that the order is the same in every width of registers
                auto add = [&](int64_t u, int64_t k) {
                    float state = p[u] + f[u];
                    lanes[k] += weight[u] * (std::max(state, 0.0f) + slope[u] * std::min(state, 0.0f));
                };
                int64_t u = 0;
                for (; u + 8 <= n.units; u += 8)
                    for (int64_t k = 0; k < 8; k++) add(u + k, k);
                for (; u < n.units; u++) add(u, u & 7);
                to[c * n.behaviors + l] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
            }
    }
    WIDE_REGISTERS static void gradients(Sizes n, const float *__restrict above, const float *__restrict products, const float *__restrict fixed,
                                         const float *__restrict slope, const float *__restrict weight, float *__restrict to_products,
                                         float *__restrict to_fixed, float *__restrict to_slope, float *__restrict to_weight) {
        for (int64_t l = 0; l < n.behaviors; l++)
            for (int64_t c = 0; c < n.candidates; c++) {
                int64_t place = (l * n.candidates + c) * n.units;
                const float *p = products + place, *f = fixed + c * n.units;
                float *to = to_products + place, *own = to_fixed + c * n.units, g = above[c * n.behaviors + l];
                for (int64_t u = 0; u < n.units; u++) {
                    float state = p[u] + f[u], positive = std::max(state, 0.0f), negative = std::min(state, 0.0f);
                    float below = g * weight[u] * (state > 0 ? 1.0f : slope[u]);
                    to[u] = below;
                    own[u] += below;
                    to_slope[u] += g * weight[u] * negative;
                    to_weight[u] += g * (positive + slope[u] * negative);
                }
            }
    }

    // products [B, L, C, U], fixed [B, C, U], slope [U], weight [U], all contiguous float32 on the CPU.
    static Tensor forward(torch::autograd::AutogradContext *context, const Tensor &products, const Tensor &fixed, const Tensor &slope,
                          const Tensor &weight) {
        context->save_for_backward({products, fixed, slope, weight});
        Sizes n{products.size(1), products.size(2), products.size(3)};
        Tensor result = at::empty({products.size(0), n.candidates, n.behaviors}, products.options());
        const float *p = products.const_data_ptr<float>(), *f = fixed.const_data_ptr<float>();
        const float *a = slope.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
        float *to = result.mutable_data_ptr<float>();
        int64_t pairs = n.behaviors * n.candidates;
        at::parallel_for(0, products.size(0), 4, [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; b++) scores(n, p + b * pairs * n.units, f + b * n.candidates * n.units, a, w, to + b * pairs);
        });
        return result;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        auto saved = context->get_saved_variables();
        const Tensor &products = saved[0], &fixed = saved[1], &slope = saved[2], &weight = saved[3];
        Sizes n{products.size(1), products.size(2), products.size(3)};
        Tensor above = upstream[0].contiguous(), to_products = at::empty_like(products), to_fixed = at::zeros_like(fixed);
        Tensor sums = at::zeros({2, products.size(0), n.units}, products.options());  // by row of the batch, added in order
        const float *g = above.const_data_ptr<float>(), *p = products.const_data_ptr<float>(), *f = fixed.const_data_ptr<float>();
        const float *a = slope.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
        float *gp = to_products.mutable_data_ptr<float>(), *gf = to_fixed.mutable_data_ptr<float>(), *gs = sums.mutable_data_ptr<float>();
        int64_t pairs = n.behaviors * n.candidates, rows = products.size(0);
        at::parallel_for(0, rows, 4, [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; b++) {
                int64_t own = b * n.candidates * n.units;
                gradients(n, g + b * pairs, p + b * pairs * n.units, f + own, a, w, gp + b * pairs * n.units, gf + own, gs + b * n.units,
                          gs + (rows + b) * n.units);
            }
        });
        Tensor total = sums.sum(1);
        return {to_products, to_fixed, total[0], total[1]};
    }
};

// The weights of a product of each candidate's features with anything: out[n, u, d] = base[u, d] + product[u, d] x[n, d].
// The backward pass goes once over the gradient, which is the large one; sums over rows are made in blocks, in order.
struct ScaledWeights : public torch::autograd::Function<ScaledWeights> {
    static constexpr int64_t block = 64;  // rows

    WIDE_REGISTERS static void row(int64_t units, int64_t width, const float *__restrict base, const float *__restrict product,
                                   const float *__restrict x, float *__restrict to) {
        for (int64_t u = 0; u < units; u++)
            for (int64_t d = 0; d < width; d++) to[u * width + d] = base[u * width + d] + product[u * width + d] * x[d];
    }
    WIDE_REGISTERS static void gradients(int64_t units, int64_t width, const float *__restrict above, const float *__restrict product,
                                         const float *__restrict x, float *__restrict to_base, float *__restrict to_product, float *__restrict to_x) {
        for (int64_t u = 0; u < units; u++)
            for (int64_t d = 0; d < width; d++) {
                float g = above[u * width + d];
                to_base[u * width + d] += g;
                to_product[u * width + d] += g * x[d];
                to_x[d] += g * product[u * width + d];
            }
    }

    // base and product [U, D], x [N, D], all contiguous float32 on the CPU.
    static Tensor forward(torch::autograd::AutogradContext *context, const Tensor &base, const Tensor &product, const Tensor &x) {
        context->save_for_backward({product, x});
        int64_t units = base.size(0), width = base.size(1);
        Tensor result = at::empty({x.size(0), units, width}, x.options());
        const float *b = base.const_data_ptr<float>(), *p = product.const_data_ptr<float>(), *from = x.const_data_ptr<float>();
        float *to = result.mutable_data_ptr<float>();
        at::parallel_for(0, x.size(0), block, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) row(units, width, b, p, from + n * width, to + n * units * width);
        });
        return result;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        auto saved = context->get_saved_variables();
        const Tensor &product = saved[0], &x = saved[1];
        int64_t units = product.size(0), width = product.size(1), rows = x.size(0), blocks = (rows + block - 1) / block;
        Tensor above = upstream[0].contiguous(), to_x = at::zeros_like(x), sums = at::zeros({2, blocks, units, width}, x.options());
        const float *g = above.const_data_ptr<float>(), *p = product.const_data_ptr<float>(), *from = x.const_data_ptr<float>();
        float *gx = to_x.mutable_data_ptr<float>(), *gs = sums.mutable_data_ptr<float>();
        at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; b++)
                for (int64_t n = b * block; n < std::min((b + 1) * block, rows); n++)
                    gradients(units, width, g + n * units * width, p, from + n * width, gs + b * units * width,
                              gs + (blocks + b) * units * width, gx + n * width);
        });
        Tensor total = sums.sum(1);
        return {total[0], total[1], to_x};
    }
};

// Rows of several tables side by side. The gradient of a row-sparse table is a view of its columns of the result's: no copy.
struct SideBySide : public torch::autograd::Function<SideBySide> {
    static Tensor forward(torch::autograd::AutogradContext *context, at::TensorList tables, const std::vector<Tensor> &indices, bool sparse) {
        std::vector<Tensor> numbers;
        int64_t width = 0, n = indices[0].numel();
        bool is_plain = true;
        for (size_t k = 0; k < tables.size(); k++) {
            TORCH_CHECK(tables[k].dim() == 2 && indices[k].sizes() == indices[0].sizes(), "tables [N, D] and indices of one shape are needed");
            numbers.push_back(indices[k].to(at::kLong).contiguous());
            width += tables[k].size(1);
            is_plain = is_plain && tables[k].is_cpu() && tables[k].scalar_type() == at::kFloat && tables[k].is_contiguous();
        }
        std::vector<int64_t> shape = indices[0].sizes().vec(), sizes;
        shape.push_back(width);
        Tensor output;
        if (is_plain) {
            output = at::empty(shape, tables[0].options().requires_grad(false));
            int64_t column = 0;
            for (size_t k = 0; k < tables.size(); k++) {
                int64_t own = tables[k].size(1), count = tables[k].size(0);
                const float *table = tables[k].const_data_ptr<float>();
                const int64_t *index = numbers[k].const_data_ptr<int64_t>();
                float *to = output.mutable_data_ptr<float>() + column;
                at::parallel_for(0, n, 1024, [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; i++) {
                        TORCH_CHECK_INDEX(index[i] >= 0 && index[i] < count, "row ", index[i], " is outside a table of ", count);
                        if (i + 8 < end && index[i + 8] >= 0 && index[i + 8] < count) prefetch(table + index[i + 8] * own, own);
                        std::memcpy(to + i * width, table + index[i] * own, sizeof(float) * own);
                    }
                });
                column += own;
            }
        } else {
            std::vector<Tensor> parts;
            for (size_t k = 0; k < tables.size(); k++) parts.push_back(at::embedding(tables[k], numbers[k].reshape({-1})));
            output = at::cat(parts, 1).view(shape);
        }
        for (const Tensor &table : tables) sizes.insert(sizes.end(), {table.size(0), table.size(1)});
        context->save_for_backward(numbers);
        context->saved_data["sizes"] = sizes;
        context->saved_data["sparse"] = sparse;
        return output;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        std::vector<Tensor> numbers = context->get_saved_variables();
        std::vector<int64_t> sizes = context->saved_data["sizes"].toIntVector();
        bool sparse = context->saved_data["sparse"].toBool();
        Tensor above = upstream[0].reshape({-1, upstream[0].size(-1)});
        torch::autograd::variable_list result;
        int64_t column = 0;
        for (size_t k = 0; k < numbers.size(); k++) {
            int64_t count = sizes[2 * k], own = sizes[2 * k + 1];
            Tensor values = above.narrow(1, column, own), index = numbers[k].reshape({-1});
            result.push_back(sparse ? at::_sparse_coo_tensor_unsafe(index.unsqueeze(0), values, {count, own}, values.options().layout(at::kSparse))
                                    : at::embedding_dense_backward(values, index, count, -1, false));
            column += own;
        }
        result.insert(result.end(), {Tensor(), Tensor()});  // for indices and sparse
        return result;
    }
};

// Dropout whose mask costs about a tenth of drawing one Bernoulli number per element: a cheap generator per block of
// elements, all started from one draw of the default generator, so that the mask does not depend on the threads.
struct BlockDropout : public torch::autograd::Function<BlockDropout> {
    static constexpr int64_t block = 4096;

    static Tensor forward(torch::autograd::AutogradContext *context, const Tensor &x, double rate) {
        Tensor input = x.contiguous(), output = at::empty_like(input), mask = at::empty(input.sizes(), at::kByte);
        uint64_t seed = static_cast<uint64_t>(at::empty({1}, at::kLong).random_().item<int64_t>());
        auto threshold = static_cast<uint16_t>(std::min(std::lround(rate * 65536), 65535L));
        float scale = 1.0f / (1.0f - static_cast<float>(threshold) / 65536.0f);
        const float *from = input.const_data_ptr<float>();
        float *to = output.mutable_data_ptr<float>();
        uint8_t *kept = mask.mutable_data_ptr<uint8_t>();
        int64_t count = input.numel();
        at::parallel_for(0, (count + block - 1) / block, 4, [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; b++) {
                uint64_t counter = seed + static_cast<uint64_t>(b) * 0x632BE59BD9B4E019ULL;
                uint16_t bits[block];
                for (int64_t i = 0; i < block; i += 4) {  // SplitMix64, 16 bits an element
                    uint64_t z = counter + static_cast<uint64_t>(i / 4 + 1) * 0x9E3779B97F4A7C15ULL;
                    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
                    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
                    z ^= z >> 31;
                    std::memcpy(bits + i, &z, 8);
                }
                int64_t start = b * block, size = std::min(block, count - start);
                for (int64_t i = 0; i < size; i++) {
                    kept[start + i] = bits[i] >= threshold;
                    to[start + i] = bits[i] >= threshold ? from[start + i] * scale : 0.0f;
                }
            }
        });
        context->save_for_backward({mask});
        context->saved_data["scale"] = static_cast<double>(scale);
        return output;
    }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context, const torch::autograd::variable_list &upstream) {
        Tensor mask = context->get_saved_variables()[0], above = upstream[0].contiguous(), below = at::empty_like(above);
        auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
        const float *from = above.const_data_ptr<float>();
        const uint8_t *kept = mask.const_data_ptr<uint8_t>();
        float *to = below.mutable_data_ptr<float>();
        at::parallel_for(0, above.numel(), 4 * block, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i++) to[i] = kept[i] ? from[i] * scale : 0.0f;
        });
        return {below, Tensor()};
    }
};

}  // namespace
